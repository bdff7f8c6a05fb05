#version 330 core
// Lines along the edges of triangles; where triangles are smaller than the lines the net becomes an even tint instead of noise.

noperspective in vec3 g_edges_px;
flat in float g_smallest_px;
out vec4 o_colour;

const float TINT = 0.30;  // of triangles too small for lines

uniform vec3 u_colour;
uniform float u_width_px;
uniform float u_opacity;

void main() {
    float nearest = min(g_edges_px.x, min(g_edges_px.y, g_edges_px.z));
    float half_px = 0.5 * u_width_px;
    float line = 1.0 - smoothstep(half_px - 0.5, half_px + 0.5, nearest);
    float alpha = mix(TINT, line, smoothstep(1.0, 6.0, g_smallest_px)) * u_opacity;
    o_colour = vec4(u_colour * alpha, alpha);
}
