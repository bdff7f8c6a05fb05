#version 330 core
// Contact shadow and grid, premultiplied.

in vec2 v_place;
out vec4 o_colour;

const float FINEST = 0.15;  // opacity of the finest lines; every tenth is twice as clear

uniform vec4 u_floor;
uniform sampler2D u_footprint;
uniform vec4 u_footprint_area;  // low x, low z, width, depth
uniform float u_shadow;
uniform vec3 u_grid_colour;
uniform float u_grid_opacity;
uniform float u_step;  // between the lines that the caption names
uniform float u_fine;  // 0..1, lines ten times finer

// Coverage of lines one pixel wide, `step_m` apart; constant brightness where they run together (Golus, "The best darn
// grid shader (yet)", 2023).
float lines(float step_m) {
    vec2 place = v_place / step_m;
    vec2 per_px = max(fwidth(place), 1e-6);
    vec2 away = abs(fract(place - 0.5) - 0.5);
    vec2 cover = 1.0 - smoothstep(vec2(0.0), per_px, away);
    cover *= clamp(1.2 - per_px * 2.6, 0.0, 1.0);
    return max(cover.x, cover.y);
}

void main() {
    float away = length(v_place - u_floor.xz) / u_floor.w;
    float fade = 1.0 - smoothstep(0.05, 0.75, away);
    float grid = max(lines(u_step * 10.0) * 2.0, lines(u_step) * (1.0 + u_fine));
    grid = max(grid, lines(u_step * 0.1) * u_fine) * FINEST;
    grid *= fade * fade * u_grid_opacity;
    vec2 inside = (v_place - u_footprint_area.xy) / u_footprint_area.zw;
    float shadow = all(greaterThan(inside, vec2(0.0))) && all(lessThan(inside, vec2(1.0))) ? texture(u_footprint, inside).r : 0.0;
    shadow *= u_shadow;
    grid *= 1.0 - shadow;
    float alpha = grid + shadow * (1.0 - grid);
    o_colour = vec4(u_grid_colour * grid, alpha);
}
