#version 330 core

layout(location = 0) in vec3 a_position;

uniform mat4 u_model_view;
uniform mat4 u_projection;
uniform vec4 u_clip;

invariant gl_Position;  // the same depth as mesh.vert

void main() {
    vec4 eye = u_model_view * vec4(a_position, 1.0);
    gl_Position = u_projection * eye;
    gl_ClipDistance[0] = dot(u_clip, vec4(a_position, 1.0));
}
