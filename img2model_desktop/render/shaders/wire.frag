#version 330 core
// Lines along the edges of triangles. Their opacity falls with the triangles' size on screen, so that a dense net is an
// even tint of the same mean darkness as a coarse one instead of black or noise.

noperspective in vec3 g_edges_px;
flat in float g_smallest_px;
out vec4 o_colour;

const float TINT = 0.25;  // of triangles too small for lines: what lines cover of those of altitude `FULL`
const float FULL = 10.0;  // altitude of a triangle, in line widths, from which on its lines are fully opaque

uniform vec3 u_colour;
uniform float u_width_px;
uniform float u_opacity;

void main() {
    float nearest = min(g_edges_px.x, min(g_edges_px.y, g_edges_px.z));
    float half_px = 0.5 * u_width_px;
    float line = 1.0 - smoothstep(half_px - 0.5, half_px + 0.5, nearest);
    float altitude = g_smallest_px / u_width_px;
    float alpha = mix(TINT, line * min(altitude / FULL, 1.0), smoothstep(1.4, 3.6, altitude)) * u_opacity;
    o_colour = vec4(u_colour * alpha, alpha);
}
