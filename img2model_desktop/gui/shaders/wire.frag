#version 330 core
// Lines along the edges of triangles; where triangles are smaller than the lines the net fades instead of turning black.

noperspective in vec3 g_edges_px;
flat in float g_smallest_px;
out vec4 o_colour;

uniform vec3 u_colour;
uniform float u_width_px;
uniform float u_opacity;

void main() {
    float nearest = min(g_edges_px.x, min(g_edges_px.y, g_edges_px.z));
    float half_px = 0.5 * u_width_px;
    float line = 1.0 - smoothstep(half_px - 0.5, half_px + 0.5, nearest);
    float alpha = line * u_opacity * mix(0.16, 1.0, smoothstep(1.0, 7.0, g_smallest_px));
    o_colour = vec4(u_colour * alpha, alpha);
}
