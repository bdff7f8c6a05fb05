#version 330 core
// A disc or a ring with a rim that sets it off from any surface, premultiplied.

noperspective in vec2 g_px;
flat in float g_radius_px;
flat in float g_fade;
out vec4 o_colour;

uniform vec3 u_colour;
uniform vec3 u_halo;
uniform float u_width_px;  // of the ring's line; 0 for a disc
uniform float u_rim_px;
uniform float u_opacity;

void main() {
    float away = length(g_px);
    float from_line = u_width_px > 0.0 ? abs(away - g_radius_px) - 0.5 * u_width_px : away - g_radius_px;
    float core = 1.0 - smoothstep(-0.5, 0.5, from_line);
    float rim = 1.0 - smoothstep(u_rim_px - 0.5, u_rim_px + 0.5, from_line);
    float alpha = max(core, rim * 0.8) * u_opacity * g_fade;
    if (alpha <= 0.0) discard;
    o_colour = vec4(mix(u_halo, u_colour, core) * alpha, alpha);
}
