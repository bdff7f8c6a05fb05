#version 330 core
// A line of constant width on screen between two places.

layout(lines) in;
layout(triangle_strip, max_vertices = 4) out;

uniform mat4 u_projection;
uniform vec2 u_size_px;
uniform float u_width_px;
uniform float u_lift;

noperspective out vec2 g_px;       // along and beside the line, from its middle
flat out float g_half_length_px;

void main() {
    vec3 a = gl_in[0].gl_Position.xyz * u_lift, b = gl_in[1].gl_Position.xyz * u_lift;
    float near = u_projection[3][2] / (u_projection[2][2] - 1.0);  // distance of the near plane
    float front = -near * 1.0001;
    if (a.z > front && b.z > front) return;
    if (a.z > front) a = mix(b, a, (front - b.z) / (a.z - b.z));
    if (b.z > front) b = mix(a, b, (front - a.z) / (b.z - a.z));
    vec4 from = u_projection * vec4(a, 1.0), to = u_projection * vec4(b, 1.0);
    vec2 from_px = from.xy / from.w * 0.5 * u_size_px, to_px = to.xy / to.w * 0.5 * u_size_px;
    vec2 way = to_px - from_px;
    float whole = length(way);
    vec2 along = whole > 1e-4 ? way / whole : vec2(1.0, 0.0);
    vec2 beside = vec2(-along.y, along.x);
    float reach = 0.5 * u_width_px + 1.0;
    g_half_length_px = 0.5 * whole;
    for (int k = 0; k < 4; ++k) {
        vec4 end = k < 2 ? from : to;
        float ahead = k < 2 ? -1.0 : 1.0, side = (k & 1) == 0 ? -1.0 : 1.0;
        vec2 shift = (along * ahead + beside * side) * reach;
        g_px = vec2(ahead * (0.5 * whole + reach), side * reach);
        gl_Position = vec4(end.xy + shift / (0.5 * u_size_px) * end.w, end.zw);
        EmitVertex();
    }
    EndPrimitive();
}
