#version 330 core
// A square on the floor; needs no buffer.

uniform mat4 u_model_view;
uniform mat4 u_projection;
uniform vec4 u_floor;  // centre x, y, z and half side, metres

out vec2 v_place;  // x, z, metres

void main() {
    vec2 corner = vec2((gl_VertexID & 1) == 1 ? 1.0 : -1.0, (gl_VertexID & 2) == 2 ? 1.0 : -1.0);
    v_place = u_floor.xz + corner * u_floor.w;
    gl_Position = u_projection * u_model_view * vec4(v_place.x, u_floor.y, v_place.y, 1.0);
}
