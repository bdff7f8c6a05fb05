#version 330 core

layout(location = 0) in vec3 a_position;
layout(location = 1) in vec3 a_normal;
layout(location = 2) in vec2 a_uv;

uniform mat4 u_model_view;
uniform mat4 u_projection;
uniform vec4 u_clip;  // what is on its negative side is cut off, where the caller switches that on

out vec3 v_eye;     // position as the eye sees it, metres
out vec3 v_normal;  // in the mesh's own space
out vec2 v_uv;

invariant gl_Position;  // wire.vert must land on the same depth

void main() {
    vec4 eye = u_model_view * vec4(a_position, 1.0);
    v_eye = eye.xyz;
    v_normal = a_normal;
    v_uv = a_uv;
    gl_Position = u_projection * eye;
    gl_ClipDistance[0] = dot(u_clip, vec4(a_position, 1.0));
}
