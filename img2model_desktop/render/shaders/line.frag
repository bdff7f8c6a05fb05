#version 330 core
// A line with round ends, premultiplied.

noperspective in vec2 g_px;
flat in float g_half_length_px;
out vec4 o_colour;

uniform vec3 u_colour;
uniform float u_width_px;
uniform float u_opacity;

void main() {
    float away = length(vec2(max(abs(g_px.x) - g_half_length_px, 0.0), g_px.y));
    float half_px = 0.5 * u_width_px;
    float alpha = (1.0 - smoothstep(half_px - 0.5, half_px + 0.5, away)) * u_opacity;
    if (alpha <= 0.0) discard;
    o_colour = vec4(u_colour * alpha, alpha);
}
