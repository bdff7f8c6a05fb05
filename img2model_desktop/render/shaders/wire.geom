#version 330 core
// Gives each fragment its distances to the triangle's edges (Bærentzen et al., "Single-pass wireframe rendering", 2006).

layout(triangles) in;
layout(triangle_strip, max_vertices = 3) out;

uniform vec2 u_size_px;

noperspective out vec3 g_edges_px;  // distance to each of the three edges
flat out float g_smallest_px;       // the triangle's smallest altitude

void main() {
    vec2 place[3];
    for (int k = 0; k < 3; ++k) place[k] = gl_in[k].gl_Position.xy / gl_in[k].gl_Position.w * 0.5 * u_size_px;
    vec2 a = place[2] - place[1], b = place[0] - place[2], c = place[1] - place[0];
    float doubled = abs(a.x * b.y - a.y * b.x);
    vec3 altitude = vec3(doubled) / max(vec3(length(a), length(b), length(c)), 1e-6);
    float smallest = min(altitude.x, min(altitude.y, altitude.z));
    for (int k = 0; k < 3; ++k) {
        g_edges_px = vec3(0.0);
        g_edges_px[k] = altitude[k];
        g_smallest_px = smallest;
        gl_Position = gl_in[k].gl_Position;
        gl_ClipDistance[0] = gl_in[k].gl_ClipDistance[0];
        EmitVertex();
    }
    EndPrimitive();
}
