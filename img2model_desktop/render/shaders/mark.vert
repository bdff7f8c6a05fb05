#version 330 core
// Faces that are coloured over the surface, and cut surfaces.

layout(location = 0) in vec4 a_place;

uniform mat4 u_model_view;
uniform mat4 u_projection;
uniform vec4 u_clip;
uniform float u_lift;  // below 1 draws it as if it were nearer to the eye, in the same pixels

out vec3 v_eye;

invariant gl_Position;  // the same depth as mesh.vert where u_lift is 1

void main() {
    vec4 eye = u_model_view * vec4(a_place.xyz, 1.0);
    v_eye = eye.xyz;
    gl_Position = u_projection * vec4(eye.xyz * u_lift, 1.0);
    gl_ClipDistance[0] = dot(u_clip, vec4(a_place.xyz, 1.0));
}
