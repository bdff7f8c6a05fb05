#version 330 core
// The surface in each of its shadings. Light is added up linearly and encoded as sRGB at the end.

in vec3 v_eye;
in vec3 v_normal;
in vec2 v_uv;
out vec4 o_colour;

uniform mat4 u_model_view;
uniform int u_shading;  // order of `Shading` in look.py
uniform vec3 u_plain;  // light reflected by an untextured surface
uniform int u_has_uv;
uniform int u_has_base_colour;
uniform int u_has_metallic_roughness;
uniform int u_has_normal;
uniform sampler2D u_base_colour;  // decoded to light by the sampler
uniform sampler2D u_metallic_roughness;
uniform sampler2D u_normal;

const int LIT = 0;
const int TEXTURED = 1;
const int MATCAP = 2;
const int WIREFRAME = 3;
const int NORMALS = 4;
const int CHECKER = 5;
const int SIDES = 6;

const float PI = 3.14159265;
const vec3 OUTER_SIDE = vec3(0.11, 0.30, 0.72), INNER_SIDE = vec3(0.78, 0.10, 0.06);
const vec3 INSIDE = vec3(0.80, 0.17, 0.12);  // tint of back faces: a mesh that is inside out must be seen

vec3 to_srgb(vec3 light) {
    light = clamp(light, 0.0, 1.0);
    return mix(light * 12.92, 1.055 * pow(light, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, light));
}

// Keeps colours as they are up to 0.75 and bends what is brighter softly towards white.
vec3 shoulder(vec3 light) {
    vec3 above = max(light - 0.75, 0.0);
    return min(light, 0.75) + 0.25 * (1.0 - exp(-above / 0.25));
}

// Tangent-space normal map without stored tangents (Schüler, "Normal mapping without precomputed tangents", 2006).
vec3 bent(vec3 normal, vec3 mapped) {
    vec3 dx = dFdx(v_eye), dy = dFdy(v_eye);
    vec2 ux = dFdx(v_uv), uy = dFdy(v_uv);
    vec3 across = cross(dy, normal), along = cross(normal, dx);
    vec3 tangent = across * ux.x + along * uy.x;
    vec3 bitangent = across * ux.y + along * uy.y;
    float longest = max(dot(tangent, tangent), dot(bitangent, bitangent));
    if (longest <= 0.0) return normal;
    float scale = inversesqrt(longest);
    return normalize(tangent * scale * mapped.x + bitangent * scale * mapped.y + normal * mapped.z);
}

// ---- the studio -------------------------------------------------------------------------------------------

// Microfacet highlight of one lamp: GGX distribution with the fitted visibility and Fresnel terms of
// Karis, "Real shading in Unreal Engine 4", 2013.
vec3 highlight(vec3 n, vec3 v, vec3 l, float roughness, vec3 facing) {
    vec3 h = normalize(v + l);
    float nl = max(dot(n, l), 0.0), nv = max(dot(n, v), 1e-3), nh = max(dot(n, h), 0.0), vh = max(dot(v, h), 0.0);
    float a = roughness * roughness;
    float d = nh * nh * (a * a - 1.0) + 1.0;
    float k = (roughness + 1.0) * (roughness + 1.0) / 8.0;
    float visibility = 1.0 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k) * 4.0);
    vec3 fresnel = facing + (1.0 - facing) * exp2((-5.55473 * vh - 6.98316) * vh);
    return fresnel * (a * a / (PI * d * d)) * visibility * nl;
}

// What a surface of that roughness mirrors from a direction: a ceiling, a floor and a large soft box.
vec3 surroundings(vec3 r, vec3 up, float roughness) {
    float height = dot(r, up);
    vec3 room = mix(vec3(0.20, 0.19, 0.18), vec3(0.78, 0.82, 0.88), smoothstep(-0.6 - roughness, 0.6 + roughness, height));
    float box = smoothstep(0.80 - 0.55 * roughness, 0.92 + 0.05 * roughness, dot(r, normalize(vec3(-0.55, 0.70, 0.45))));
    return room * 0.75 + vec3(1.0, 0.98, 0.94) * box * mix(1.5, 0.35, roughness);
}

// How a rough dielectric or metal dims its surroundings (fit by Lazarov, "Getting more physical in Call of Duty", 2013,
// in the form of Karis, "Physically based shading on mobile", 2014).
vec2 mirrored(float roughness, float nv) {
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
    return vec2(-1.04, 1.04) * a + r.zw;
}

vec3 lit(vec3 albedo, vec3 n, vec3 v, float roughness, float metallic) {
    vec3 up = normalize(mat3(u_model_view) * vec3(0.0, 1.0, 0.0));
    // three lamps that stay with the viewer, so that no side is ever dark; the sky stays with the floor
    vec3 key = normalize(vec3(-0.50, 0.75, 0.70)), fill = normalize(vec3(0.85, 0.05, 0.55)), rim = normalize(vec3(0.35, 0.45, -0.85));
    vec3 key_light = vec3(1.0, 0.97, 0.92) * 0.74, fill_light = vec3(0.86, 0.92, 1.0) * 0.20, rim_light = vec3(0.92, 0.96, 1.0) * 0.45;
    float sky = dot(n, up) * 0.5 + 0.5;
    vec3 around = mix(vec3(0.26, 0.245, 0.235), vec3(0.60, 0.62, 0.66), sky * sky * (3.0 - 2.0 * sky));
    vec3 diffuse = around;
    diffuse += key_light * pow(max(dot(n, key) * 0.85 + 0.15, 0.0), 1.3);  // a large lamp reaches a little around the edge
    diffuse += fill_light * max(dot(n, fill), 0.0);
    diffuse += rim_light * max(dot(n, rim), 0.0);
    vec3 facing = mix(vec3(0.04), albedo, metallic);
    float nv = max(dot(n, v), 1e-3);
    vec3 gloss = highlight(n, v, key, roughness, facing) * key_light * 2.2;
    gloss += highlight(n, v, rim, roughness, facing) * rim_light * 2.0;
    vec2 share = mirrored(roughness, nv);
    float open = mix(0.35, 1.0, sky);  // less is mirrored from below, where the floor is near
    gloss += surroundings(reflect(-v, n), up, roughness) * (facing * share.x + share.y) * open;
    return albedo * (1.0 - metallic) * diffuse + gloss;
}

// ---- matcap: a ball of glazed grey-blue clay, painted by formula ------------------------------------------

vec3 matcap(vec3 n, vec3 v) {
    vec3 right = normalize(cross(vec3(0.0, 1.0, 0.0), v));  // the ball is looked at along each ray, not along the axis
    vec2 m = vec2(dot(n, right), dot(n, cross(v, right)));
    float toward = clamp(dot(m, normalize(vec2(-0.55, 0.84))), -1.0, 1.0);
    float edge = length(m);
    vec3 shade = mix(vec3(0.060, 0.058, 0.075), vec3(0.50, 0.475, 0.45), smoothstep(-0.95, 0.75, toward));
    shade = mix(shade, vec3(0.80, 0.77, 0.72), smoothstep(0.15, 0.95, toward) * 0.55);
    float spot = distance(m, vec2(-0.34, 0.46));
    shade += vec3(1.0, 0.97, 0.92) * (0.34 * exp(-spot * spot * 26.0) + 0.10 * exp(-spot * spot * 6.0));
    float bounce = smoothstep(0.55, 1.0, dot(m, normalize(vec2(0.62, -0.78))));
    shade += vec3(0.34, 0.42, 0.58) * bounce * 0.42;
    return shade * (1.0 - 0.55 * smoothstep(0.86, 1.0, edge) * (1.0 - bounce));
}

// ---- checker: an 8 x 8 board, A1 at uv (0, 0) lower left to H8 upper right -----------------------------------

// Glyphs of 3 x 5 dots, lowest row first, leftmost dot lowest bit.
const int LETTERS[8] = int[8](11245, 15083, 25166, 15211, 29391, 29385, 25454, 23533);
const int DIGITS[8] = int[8](9879, 14479, 14499, 23524, 29411, 25583, 30866, 31727);

float glyph(int dots, vec2 place) {
    vec2 cell = floor(place * vec2(3.0, 5.0));
    if (any(lessThan(place, vec2(0.0))) || any(greaterThanEqual(place, vec2(1.0)))) return 0.0;
    return float((dots >> int(cell.y * 3.0 + cell.x)) & 1);
}

vec3 checker(vec2 uv) {
    vec2 turned = fract(uv);
    vec2 cell = min(floor(turned * 8.0), 7.0);
    vec2 inside = turned * 8.0 - cell;
    float odd = mod(cell.x + cell.y, 2.0);
    vec3 hue = vec3(0.16 + 0.74 * turned.x, 0.20 + 0.66 * turned.y, 0.62 - 0.40 * turned.x);
    vec3 light = mix(hue * 0.42, hue * 0.42 + 0.50, odd);
    float ink = glyph(LETTERS[int(cell.x)], (inside - vec2(0.20, 0.28)) / vec2(0.26, 0.44));
    ink += glyph(DIGITS[int(cell.y)], (inside - vec2(0.55, 0.28)) / vec2(0.26, 0.44));
    float blurred = length(fwidth(uv)) * 8.0;
    vec3 drawn = mix(light, odd > 0.5 ? hue * 0.22 : vec3(0.92), min(ink, 1.0) * (1.0 - smoothstep(0.08, 0.2, blurred)));
    return mix(drawn, hue * 0.42 + 0.25, smoothstep(0.4, 1.0, blurred));
}

// ---------------------------------------------------------------------------------------------------------------

void main() {
    float side = gl_FrontFacing ? 1.0 : -1.0;
    vec3 own = normalize(v_normal) * side;
    vec3 albedo = u_has_base_colour == 1 ? texture(u_base_colour, v_uv).rgb : u_plain;
    vec3 light;
    if (u_shading == NORMALS) {
        o_colour = vec4(own * 0.5 + 0.5, 1.0);
        return;
    }
    if (u_shading == TEXTURED) {
        light = albedo;
    } else {
        vec3 n = normalize(mat3(u_model_view) * own), v = normalize(-v_eye);
        float roughness = 0.52, metallic = 0.0;
        if (u_shading == LIT) {
            if (u_has_metallic_roughness == 1) {
                vec3 packed_values = texture(u_metallic_roughness, v_uv).rgb;
                roughness = clamp(packed_values.g, 0.08, 1.0);
                metallic = packed_values.b;
            }
            if (u_has_normal == 1) n = bent(n, texture(u_normal, v_uv).rgb * 2.0 - 1.0);
            light = lit(albedo, n, v, roughness, metallic);
        } else if (u_shading == MATCAP) {
            light = matcap(n, v);
        } else if (u_shading == CHECKER) {
            light = lit(u_has_uv == 1 ? checker(v_uv) : u_plain, n, v, 0.7, 0.0);
        } else if (u_shading == SIDES) {
            light = lit(gl_FrontFacing ? OUTER_SIDE : INNER_SIDE, n, v, 0.75, 0.0);
        } else {
            light = lit(u_plain * 1.3, n, v, 0.75, 0.0);
        }
        light = shoulder(light);
    }
    if (!gl_FrontFacing && u_shading != SIDES) light = mix(light, INSIDE * (0.35 + 0.65 * dot(light, vec3(0.2126, 0.7152, 0.0722))), 0.75);
    o_colour = vec4(to_srgb(light), 1.0);
}
