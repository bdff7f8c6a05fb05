#version 330 core
// Places as the eye sees them, for shaders that make lines and discs of them.

layout(location = 0) in vec4 a_place;  // fourth: a radius, metres

uniform mat4 u_model_view;

out float v_radius;

void main() {
    v_radius = a_place.w;
    gl_Position = u_model_view * vec4(a_place.xyz, 1.0);
}
