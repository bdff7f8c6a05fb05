#version 330 core
// One colour, a little darker where the surface turns away, with or without diagonal lines; premultiplied.

in vec3 v_eye;
out vec4 o_colour;

uniform vec3 u_colour;
uniform float u_opacity;
uniform float u_relief;      // 0..1, how much of the surface's form is seen
uniform vec3 u_hatch_colour;
uniform float u_hatch_opacity;
uniform float u_hatch_px;    // between two lines; 0 for none

void main() {
    vec3 n = normalize(cross(dFdx(v_eye), dFdy(v_eye)));
    float facing = abs(dot(n, normalize(v_eye)));
    vec3 colour = u_colour * mix(1.0, 0.62 + 0.38 * facing, u_relief);
    float alpha = u_opacity;
    if (u_hatch_px > 0.0) {
        float place = (gl_FragCoord.x + gl_FragCoord.y) / u_hatch_px;
        float away = abs(fract(place) - 0.5) * u_hatch_px * 0.70710678;
        float line = (1.0 - smoothstep(0.16 * u_hatch_px - 0.7, 0.16 * u_hatch_px + 0.7, away)) * u_hatch_opacity;
        alpha = mix(alpha, 1.0, line);
        colour = mix(colour, u_hatch_colour, line / max(alpha, 1e-4));
    }
    o_colour = vec4(colour * alpha, alpha);
}
