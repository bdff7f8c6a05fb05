#version 330 core
// A disc, or a ring around a place, never smaller on screen than a given size.

layout(points) in;
layout(triangle_strip, max_vertices = 4) out;

uniform mat4 u_projection;
uniform vec2 u_size_px;
uniform float u_least_px;   // radius
uniform float u_fades_px;   // a ring around something that is larger than this is not needed; 0: always drawn
uniform float u_lift;

in float v_radius[];

noperspective out vec2 g_px;
flat out float g_radius_px;
flat out float g_fade;

void main() {
    vec4 middle = u_projection * vec4(gl_in[0].gl_Position.xyz * u_lift, 1.0);
    if (middle.w <= 0.0) return;
    float own_px = v_radius[0] * u_projection[1][1] / middle.w * 0.5 * u_size_px.y;
    g_fade = u_fades_px > 0.0 ? 1.0 - smoothstep(0.6 * u_fades_px, u_fades_px, own_px) : 1.0;
    if (g_fade <= 0.0) return;
    g_radius_px = max(u_least_px, u_fades_px > 0.0 ? own_px * 1.25 : 0.0);
    float reach = g_radius_px + 4.0 + 0.25 * u_least_px;
    for (int k = 0; k < 4; ++k) {
        g_px = vec2((k & 1) == 0 ? -1.0 : 1.0, k < 2 ? -1.0 : 1.0) * reach;
        gl_Position = vec4(middle.xy + g_px / (0.5 * u_size_px) * middle.w, middle.zw);
        EmitVertex();
    }
    EndPrimitive();
}
