#version 330 core
// A vertical gradient between two sRGB colours, dithered so that no bands show.

in float v_height;
out vec4 o_colour;

uniform vec3 u_top;
uniform vec3 u_bottom;

// Interleaved gradient noise, 0..1 (Jimenez, "Next generation post processing in Call of Duty", 2014).
float noise(vec2 pixel) {
    return fract(52.9829189 * fract(dot(pixel, vec2(0.06711056, 0.00583715))));
}

void main() {
    vec3 colour = mix(u_bottom, u_top, smoothstep(0.0, 1.0, v_height));
    o_colour = vec4(colour + (noise(gl_FragCoord.xy) - 0.5) / 255.0, 1.0);
}
