#version 330 core
// One triangle that covers the picture; needs no buffer.

out float v_height;  // 0 at the bottom of the picture, 1 at the top

void main() {
    vec2 place = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    v_height = place.y * 0.5 + 0.5;
    gl_Position = vec4(place, 0.0, 1.0);
}
