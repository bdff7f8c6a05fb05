"""Procedural objects without end: vessels, creatures, furniture, vehicles, buildings, tools, plants, frames, blobs.

They are no likeness of anything: they teach how outlines, shading and depth belong together, and that things have
four legs, two wheels on the far side and a back that looks like their front.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from img2model_desktop.training.objects import Solid, prepared
from img2model_desktop.training.parts import (
    Part,
    Points,
    box,
    capsule,
    joined,
    lathe,
    prism,
    ring,
    sheet,
    superquadric,
    tube,
    turned,
)
from img2model_desktop.training.shading import random_colour

UP = np.array([0.0, 1.0, 0.0])


def random_solid(rng: Generator) -> Solid:
    """Some object; the same for the same state of the generator."""
    kinds: tuple[tuple[Callable[[Generator], list[Part]], float], ...] = (
        (vessel, 2),
        (creature, 3),
        (table, 1.5),
        (seat, 2),
        (cabinet, 1),
        (vehicle, 2),
        (building, 1),
        (tool, 1.5),
        (plant, 1.5),
        (frame, 1.5),
        (blob, 2),
        (pile, 3),
    )
    share = np.array([weight for _, weight in kinds])
    make = kinds[int(rng.choice(len(kinds), p=share / share.sum()))][0]
    vertices, faces, colours = joined(make(rng))
    return prepared(make.__name__, vertices, faces, colours)


def _palette(rng: Generator, count: int) -> list[Points]:
    return [random_colour(rng) for _ in range(count)]


def _v(x: float, y: float, z: float) -> Points:
    return np.array([x, y, z], float)


def _outline(rng: Generator, knots: int) -> Points:
    """A smooth random closed curve around the origin, `(48, 2)`."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for k in range(1, knots):
        radius = radius + rng.normal(0, 0.35 / k) * np.cos(k * angle + rng.uniform(0, 6.3))
    radius = radius.clip(0.25)
    return np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]


def vessel(rng: Generator) -> list[Part]:
    """A turned body: bottle, bowl, lamp, vase, spinning top; sometimes hollow, with a handle or spout."""
    body, second = _palette(rng, 2)
    count = int(rng.integers(3, 8))
    height = np.sort(rng.uniform(0, 1, count)) * rng.uniform(0.5, 2.5)
    radius = rng.uniform(0.08, 0.55, count)
    if rng.random() < 0.7:  # smooth
        fine = np.linspace(height[0], height[-1], 16)
        radius = np.interp(fine, height, radius)
        radius = np.convolve(np.pad(radius, 1, "edge"), [0.25, 0.5, 0.25], "valid")
        height = fine
    outer = np.column_stack([radius, height])
    if rng.random() < 0.4:  # open at the top
        wall = rng.uniform(0.02, 0.06)
        inner = np.column_stack([(radius - wall).clip(0.01), height + np.linspace(wall, 0, len(height))])[::-1]
        profile = np.concatenate([[[0, height[0]]], outer, inner, [[0, inner[-1, 1]]]])
    else:
        profile = np.concatenate([[[0, height[0]]], outer, [[0, height[-1]]]])
    parts = [lathe(profile, body, int(rng.choice([6, 8, 12, 24, 32])))]
    middle = float(np.interp(0.5, np.linspace(0, 1, len(height)), height))
    if rng.random() < 0.4:
        arc = np.linspace(-1.3, 1.3, 9)
        grip = rng.uniform(0.12, 0.35)
        path = np.stack(
            [
                np.cos(arc) * grip + float(np.interp(middle, height, radius)) - 0.02,
                middle + np.sin(arc) * grip,
                0 * arc,
            ],
            1,
        )
        parts.append(
            tube(path, np.full(9, rng.uniform(0.02, 0.05)), second).placed(_v(0, 0, 0), turned(y=rng.uniform(0, 6.3)))
        )
    if rng.random() < 0.4:  # cap, knob or shade
        top = _v(0, float(height[-1]), 0)
        cap = rng.uniform(0.5, 1.6) * float(radius[-1]) + 0.03
        parts.append(
            lathe(
                np.array([[0, 0], [cap, 0], [cap * rng.uniform(0.3, 1), rng.uniform(0.05, 0.5)], [0, 0.5]]), second
            ).placed(top)
        )
    return parts


def creature(rng: Generator) -> list[Part]:
    """A body with head, two to six legs, perhaps arms, tail, ears and snout; upright or on all fours."""
    skin, other, dark = _palette(rng, 3)
    upright = rng.random() < 0.4
    thick, length = rng.uniform(0.12, 0.35), rng.uniform(0.5, 1.2)
    leg, leg_r = rng.uniform(0.15, 0.9), rng.uniform(0.03, 0.12)
    parts: list[Part] = []
    if upright:
        hip, chest = _v(0, leg, 0), _v(0, leg + length * 0.8, rng.normal(0, 0.05))
    else:
        hip, chest = _v(0, leg + thick, -length / 2), _v(0, leg + thick + rng.normal(0, 0.1), length / 2)
    parts.append(
        capsule(hip, chest, thick * rng.uniform(0.7, 1.2), thick * rng.uniform(0.7, 1.2), skin, 12).placed(
            _v(0, 0, 0), None, _v(rng.uniform(0.7, 1.3), 1, 1)
        )
    )
    neck = rng.uniform(0.0, 0.6)
    lean = 0.1 if upright else rng.uniform(0.2, 0.9)
    head = chest + _v(0, thick + neck * (1 - lean / 2), (thick + neck) * lean)
    size = thick * rng.uniform(0.6, 1.5)
    parts.append(capsule(chest, head, thick * 0.6, size * 0.6, skin))
    parts += _face(rng, head, size, (skin, other, dark))
    spread = thick * rng.uniform(0.5, 1)
    places = [hip] if upright else [hip + (chest - hip) * t for t in np.linspace(0, 1, int(rng.choice([2, 2, 2, 3])))]
    for place in places:
        for side in (-1, 1):
            foot = _v(place[0] + side * spread * rng.uniform(0.8, 1.4), 0, place[2] + rng.normal(0, 0.12 * leg))
            joint = (place + _v(side * spread, 0, 0) + foot) / 2 + _v(0, 0, rng.normal(0, 0.1 * leg))
            parts.append(capsule(place + _v(side * spread * 0.8, 0, 0), joint, leg_r * 1.3, leg_r, skin, 8))
            parts.append(capsule(joint, foot, leg_r, leg_r * 0.8, skin, 8))
            parts.append(capsule(foot, foot + _v(0, 0, leg_r * 2), leg_r, leg_r * 0.8, dark, 8))
    if upright:
        swing = rng.uniform(-1.3, 1.0)
        reach = rng.uniform(0.4, 0.8) * length
        for side in (-1, 1):
            shoulder = chest + _v(side * thick, 0, 0)
            hand = shoulder + reach * _v(side * np.cos(swing), np.sin(swing), rng.normal(0, 0.3))
            parts.append(capsule(shoulder, hand, leg_r, leg_r * 0.8, other, 8))
    if rng.random() < 0.5:
        bend = np.linspace(0, 1, 7)
        tail = hip + np.stack(
            [0.2 * np.sin(bend * rng.uniform(0, 4)), bend * rng.uniform(-0.5, 0.7), -bend * rng.uniform(0.2, 0.9)], 1
        )
        parts.append(tube(tail, np.linspace(leg_r, leg_r * 0.4, 7), other))
    return parts


def _face(rng: Generator, head: Points, size: float, colours: tuple[Points, Points, Points]) -> list[Part]:
    """A creature's head with snout, ears and eyes."""
    skin, other, dark = colours
    parts: list[Part] = []
    parts.append(
        superquadric(2 * size * rng.uniform(0.7, 1.2, 3), rng.uniform(0.4, 1), rng.uniform(0.4, 1), other, 14).placed(
            head
        )
    )
    if rng.random() < 0.6:
        parts.append(
            capsule(head, head + _v(0, -0.2 * size, size * rng.uniform(0.8, 2)), size * 0.5, size * 0.25, other)
        )
    for side in (-1, 1):
        if rng.random() < 0.7:
            parts.append(
                capsule(
                    head + _v(side * size * 0.6, size * 0.6, 0),
                    head + _v(side * size * rng.uniform(0.6, 1.3), size * rng.uniform(1, 2), 0),
                    size * 0.25,
                    size * 0.08,
                    skin,
                )
            )
        parts.append(
            superquadric(np.full(3, size * 0.3), 1, 1, dark, 8).placed(
                head + _v(side * size * 0.45, size * 0.25, size * 0.75)
            )
        )
    return parts


def _legs(rng: Generator, width: float, deep: float, height: float, colour: Points) -> list[Part]:
    thick = rng.uniform(0.015, 0.06)
    slant = rng.uniform(0, 0.12)
    parts = []
    for x in (-1, 1):
        for z in (-1, 1):
            top = _v(x * (width / 2 - thick), height, z * (deep / 2 - thick))
            foot = _v(x * (width / 2 - thick + slant), 0, z * (deep / 2 - thick + slant))
            if slant < 0.04:
                parts.append(box(_v(2 * thick, height, 2 * thick), colour).placed((top + _v(top[0], 0, top[2])) / 2))
            else:
                parts.append(capsule(foot, top, thick * 0.7, thick, colour, 6))
    return parts


def table(rng: Generator) -> list[Part]:
    """A table, desk, bench or stool: a plate on legs or a foot, sometimes with drawers and things on top."""
    top, leg, thing = _palette(rng, 3)
    width, deep, height, plate = (
        rng.uniform(0.5, 1.6),
        rng.uniform(0.4, 0.9),
        rng.uniform(0.3, 1),
        rng.uniform(0.02, 0.1),
    )
    if rng.random() < 0.3:
        parts = [lathe(np.array([[0, 0], [deep, 0], [deep, plate], [0, plate]]), top).placed(_v(0, height, 0))]
        parts.append(
            lathe(
                np.array([[0, 0], [0.5 * deep, 0], [0.5 * deep, 0.03], [0.06, 0.08], [0.06, height], [0, height]]), leg
            )
        )
        return parts
    parts = [box(_v(width, plate, deep), top).placed(_v(0, height + plate / 2, 0))]
    parts += _legs(rng, width, deep, height, leg)
    for side in (-1, 1):
        if rng.random() < 0.3:
            tall = height * rng.uniform(0.3, 0.9)
            parts.append(
                box(_v(width * 0.3, tall, deep * 0.9), top).placed(_v(side * width * 0.33, height - tall / 2, 0))
            )
    for _ in range(int(rng.integers(0, 3))):
        size = rng.uniform(0.05, 0.3, 3)
        at = _v(rng.uniform(-0.4, 0.4) * width, height + plate + size[1] / 2, rng.uniform(-0.3, 0.3) * deep)
        parts.append(superquadric(size, rng.uniform(0.1, 1), rng.uniform(0.1, 1), thing, 12).placed(at))
    return parts


def seat(rng: Generator) -> list[Part]:
    """A chair, armchair, sofa or bed."""
    cloth, wood = _palette(rng, 2)
    soft = rng.random() < 0.5
    width = rng.uniform(0.45, 0.7) if rng.random() < 0.6 else rng.uniform(1, 2)
    deep, height = rng.uniform(0.45, 0.8), rng.uniform(0.1, 0.5)
    thick = rng.uniform(0.12, 0.3) if soft else rng.uniform(0.03, 0.1)
    back, lean = rng.uniform(0.3, 0.9), rng.uniform(0, 0.3)

    def slab(size: Points) -> Part:
        return superquadric(size, 0.25, 0.25, cloth, 24) if soft else box(size, cloth)

    parts = [slab(_v(width, thick, deep)).placed(_v(0, height + thick / 2, 0))]
    rest = slab(_v(width, back, thick * rng.uniform(0.4, 1)))
    parts.append(
        rest.placed(_v(0, height + thick / 2 + back / 2, -deep / 2 + thick / 4 - lean * back / 2), turned(x=-lean))
    )
    if rng.random() < 0.5:
        arm = rng.uniform(0.15, 0.35)
        for side in (-1, 1):
            parts.append(slab(_v(thick * 0.6, arm, deep)).placed(_v(side * width / 2, height + thick / 2 + arm / 2, 0)))
    if rng.random() < 0.75:
        parts += _legs(rng, width, deep, height, wood)
    else:
        parts.append(box(_v(width * 0.95, height, deep * 0.95), wood).placed(_v(0, height / 2, 0)))
    return parts


def cabinet(rng: Generator) -> list[Part]:
    """A box with doors, drawers, knobs: cupboard, fridge, radio, crate, shelf."""
    body, door, knob = _palette(rng, 3)
    size = rng.uniform(0.3, 1.2, 3)
    parts: list[Part] = []
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    is_open = rng.random() < 0.3
    if is_open:
        wall = 0.03
        parts += [box(_v(wall, size[1], size[2]), body).placed(_v(side * size[0] / 2, 0, 0)) for side in (-1, 1)]
        parts += [
            box(_v(size[0], wall, size[2]), body).placed(_v(0, y * size[1], 0))
            for y in np.linspace(-0.5, 0.5, rows + 1)
        ]
        if rng.random() < 0.6:
            parts.append(box(_v(size[0], size[1], wall), body).placed(_v(0, 0, -size[2] / 2)))
        return parts
    parts.append(box(size, body))
    for r in range(rows):
        for c in range(columns):
            at = _v(((c + 0.5) / columns - 0.5) * size[0], ((r + 0.5) / rows - 0.5) * size[1], size[2] / 2)
            parts.append(box(_v(size[0] / columns * 0.88, size[1] / rows * 0.88, 0.03), door).placed(at))
            parts.append(superquadric(rng.uniform(0.02, 0.08, 3), 1, 1, knob, 8).placed(at + _v(0, 0, 0.04)))
    return parts


def vehicle(rng: Generator) -> list[Part]:
    """A car, truck, cart, boat or aeroplane: a long body, a cabin, wheels or wings; its front is +z or +x."""
    paint, glass, rubber, trim = _palette(rng, 4)
    length, width, height = rng.uniform(0.9, 2), rng.uniform(0.4, 0.8), rng.uniform(0.15, 0.5)
    round_ = rng.uniform(0.1, 0.6)
    parts = [superquadric(_v(width, height, length), round_, round_, paint, 24)]
    cabin, tall = rng.uniform(0.25, 0.7) * length, rng.uniform(0.15, 0.5)
    at = _v(0, height / 2 + tall / 2 - 0.02, rng.uniform(-0.25, 0.25) * length)
    side = np.array([[-0.5, -0.5], [0.5, -0.5], [rng.uniform(0.2, 0.5), 0.5], [rng.uniform(-0.5, -0.2), 0.5]]) * [
        cabin,
        tall,
    ]
    parts.append(prism(side, width * 0.9, glass).placed(at, turned(y=np.pi / 2)))
    if rng.random() < 0.25:
        span, chord = rng.uniform(0.8, 2), rng.uniform(0.15, 0.4)
        parts.append(
            superquadric(_v(span, 0.05, chord), 0.5, 0.5, trim).placed(_v(0, rng.uniform(-0.5, 0.5) * height, 0))
        )
        parts.append(
            superquadric(_v(0.05, span * 0.25, chord * 0.6), 0.5, 0.5, trim).placed(
                _v(0, span * 0.12 + height / 2, -length * 0.45)
            )
        )
    else:
        radius, broad = rng.uniform(0.1, 0.28), rng.uniform(0.06, 0.15)
        for z in np.linspace(-0.33, 0.33, int(rng.choice([2, 2, 2, 3]))) * length:
            for x in (-1, 1):
                wheel = lathe(
                    np.array([[0, -broad / 2], [radius, -broad / 2], [radius, broad / 2], [0, broad / 2]]), rubber, 16
                )
                hub = superquadric(_v(radius, broad * 1.2, radius), 1, 0.4, trim, 10)
                for part in (wheel, hub):
                    parts.append(part.placed(_v(x * width / 2, -height / 2, z), turned(z=np.pi / 2)))
    if rng.random() < 0.5:
        parts.append(box(_v(width * 1.02, 0.05, 0.06), trim).placed(_v(0, -height * 0.2, length / 2)))
    turn = turned(y=float(rng.choice([0.0, np.pi / 2])))
    return [part.placed(_v(0, 0, 0), turn) for part in parts]


def building(rng: Generator) -> list[Part]:
    """A house or tower with roof, door, windows and chimney."""
    wall, roof, door, window = _palette(rng, 4)
    parts: list[Part] = []
    for k in range(int(rng.integers(1, 3))):
        width, height, deep = rng.uniform(0.4, 1), rng.uniform(0.3, 1.2), rng.uniform(0.4, 1)
        at = _v(0, 0, 0) if k == 0 else _v(rng.uniform(-0.6, 0.6), 0, rng.uniform(-0.6, 0.6))
        parts.append(box(_v(width, height, deep), wall).placed(at + _v(0, height / 2, 0)))
        rise, over = rng.uniform(0.1, 0.6), rng.uniform(1, 1.25)
        if rng.random() < 0.65:
            gable = np.array([[-0.5, 0], [0.5, 0], [0, 1]]) * [width * over, rise]
            parts.append(
                prism(gable, deep * over, roof).placed(
                    at + _v(0, height, 0), turned(y=float(rng.choice([0, np.pi / 2])))
                )
            )
        else:
            cone = lathe(np.array([[0, 0], [0.7 * width * over, 0], [0, rise]]), roof, 4)
            parts.append(cone.placed(at + _v(0, height, 0), turned(y=np.pi / 4)))
        parts.append(box(_v(0.15, 0.28, 0.05), door).placed(at + _v(rng.uniform(-0.2, 0.2) * width, 0.14, deep / 2)))
        for x in (-0.3, 0.3):
            for turn, reach in ((0.0, deep), (np.pi / 2, width)):
                place = turned(y=turn) @ _v(x * (width if turn == 0 else deep), height * 0.65, reach / 2)
                parts.append(box(_v(0.12, 0.15, 0.04), window).placed(at + place, turned(y=turn)))
    if rng.random() < 0.5:
        parts.append(box(_v(0.12, 0.5, 0.12), door).placed(parts[0].vertices.max(0) * [0.5, 1, 0] + _v(0, 0.15, 0)))
    return parts


def tool(rng: Generator) -> list[Part]:
    """A handle with a head: hammer, spoon, sword, brush, key, torch; lying, standing or aslant."""
    grip, head, trim = _palette(rng, 3)
    length, radius = rng.uniform(0.5, 1.5), rng.uniform(0.02, 0.1)
    along = np.linspace(0, length, 8)
    swell = radius * (1 + 0.3 * np.sin(along * rng.uniform(2, 12)))
    bend = rng.normal(0, 0.1) * (along / length) ** 2
    parts = [tube(np.stack([bend, along, 0 * along], 1), swell, grip, int(rng.choice([6, 8, 16])), rng.uniform(0.5, 1))]
    end = _v(float(bend[-1]), length, 0)
    kind = rng.integers(0, 4)
    if kind == 0:
        parts.append(superquadric(rng.uniform(0.1, 0.6, 3), rng.uniform(0.1, 1), rng.uniform(0.1, 1), head).placed(end))
    elif kind == 1:
        blade = _outline(rng, 5) * rng.uniform(0.1, 0.4, 2)
        parts.append(prism(blade, rng.uniform(0.01, 0.08), head).placed(end + _v(0, 0.15, 0)))
    elif kind == 2:
        parts.append(ring(0.25, rng.uniform(0.1, 0.22), rng.uniform(0.02, 0.1), head).placed(end + _v(0, 0.22, 0)))
    else:
        parts.append(
            lathe(
                np.array([[0, 0], [radius, 0], [rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.5)], [0, 0.5]]), head
            ).placed(end)
        )
    if rng.random() < 0.5:
        parts.append(
            superquadric(_v(rng.uniform(0.1, 0.5), 0.06, rng.uniform(0.05, 0.2)), 0.5, 0.5, trim).placed(
                _v(0, length * rng.uniform(0.5, 0.95), 0)
            )
        )
    turn = turned(rng.normal(0, 0.4), rng.uniform(0, 6.3), float(rng.choice([0, np.pi / 2, rng.uniform(0, 3)])))
    return [part.placed(_v(0, 0, 0), turn) for part in parts]


def plant(rng: Generator) -> list[Part]:
    """A pot, a stem or trunk, leaves or a crown."""
    pot, stem, leaf = _palette(rng, 3)
    leaf = np.array([0.25, 0.55, 0.2]) * rng.uniform(0.6, 1.5) if rng.random() < 0.6 else leaf
    parts: list[Part] = []
    if rng.random() < 0.6:
        parts.append(
            lathe(np.array([[0, -0.4], [rng.uniform(0.12, 0.3), -0.4], [rng.uniform(0.15, 0.35), 0], [0, 0]]), pot, 16)
        )
    height = rng.uniform(0.1, 0.9)
    parts.append(capsule(_v(0, -0.1, 0), _v(rng.normal(0, 0.05), height, 0), 0.05, 0.03, stem, 8))
    if rng.random() < 0.5:
        bend = np.linspace(0, 1, 7)
        for angle in rng.uniform(0, 6.3, int(rng.integers(4, 14))):
            out, up, droop = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.9), rng.uniform(0, 0.7)
            away = _v(np.cos(angle), 0, np.sin(angle))
            path = (
                _v(0, height * rng.uniform(0.3, 1), 0)
                + bend[:, None] * away * out
                + UP * (bend * up - bend**2 * droop)[:, None]
            )
            width = rng.uniform(0.03, 0.12) * np.sin(0.3 + 2.84 * bend)
            parts.append(sheet(path, width, np.cross(away, UP), leaf))
    else:
        for _ in range(int(rng.integers(1, 6))):
            at = _v(rng.normal(0, 0.15), height + rng.uniform(0, 0.4), rng.normal(0, 0.15))
            parts.append(
                superquadric(
                    rng.uniform(0.2, 0.7, 3), 1, rng.uniform(0.5, 2), leaf, int(rng.choice([6, 10, 20]))
                ).placed(at)
            )
    return parts


def frame(rng: Generator) -> list[Part]:
    """Thin parts and holes: wheels with spokes, hoops, fences, glasses, trusses."""
    bar, other = _palette(rng, 2)
    thin = rng.uniform(0.008, 0.04)
    parts: list[Part] = []
    kind = rng.integers(0, 3)
    if kind == 0:
        circle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        hoop = np.stack([np.cos(circle), np.sin(circle), 0 * circle], 1) * 0.45
        hub_depth = rng.uniform(0.05, 0.3)
        for at in [0.0] if rng.random() < 0.5 else [-0.6, 0.6]:
            parts.append(
                tube(hoop, np.full(28, thin * rng.uniform(1, 3)), other, 8, 1.0, closed=True).placed(_v(at, 0, 0))
            )
            parts.append(superquadric(_v(0.12, 0.12, hub_depth), 1, 1, bar, 8).placed(_v(at, 0, 0)))
            for angle in np.linspace(0, 2 * np.pi, int(rng.integers(3, 12)), endpoint=False):
                parts.append(
                    capsule(
                        _v(at, 0, 0), _v(at + np.cos(angle) * 0.45, np.sin(angle) * 0.45, 0), thin / 2, thin / 2, bar, 6
                    )
                )
        if len(parts) > 12:
            knots = np.stack([rng.uniform(-0.6, 0.6, 5), rng.uniform(0, 0.7, 5), rng.normal(0, 0.05, 5)], 1)
            parts += [capsule(knots[k], knots[(k + 1) % 5], thin, thin, bar, 6) for k in range(5)]
    elif kind == 1:
        width, height = rng.uniform(0.6, 1.6), rng.uniform(0.4, 1)
        parts += [
            capsule(_v(x, 0, 0), _v(x, height, 0), thin, thin, bar, 6)
            for x in np.linspace(-0.5, 0.5, int(rng.integers(3, 9))) * width
        ]
        parts += [box(_v(width, 2 * thin, thin), other).placed(_v(0, y * height, 0)) for y in rng.uniform(0.1, 0.9, 2)]
    else:
        corner = rng.uniform(-0.5, 0.5, (int(rng.integers(4, 8)), 3))
        for a in range(len(corner)):
            for b in range(a):
                if rng.random() < 0.6:
                    parts.append(capsule(corner[a], corner[b], thin, thin, bar, 6))
        parts.append(superquadric(np.full(3, 0.1), 1, 1, other, 8).placed(corner[0]))
    return parts


def blob(rng: Generator) -> list[Part]:
    """A lump: fruit, stone, cushion, shell; a ball with waves of its radius."""
    skin, other = _palette(rng, 2)
    part = superquadric(rng.uniform(0.5, 1.2, 3), rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.2), skin, 40)
    direction = part.vertices / np.linalg.norm(part.vertices, axis=1, keepdims=True).clip(1e-9)
    swell = np.ones(len(direction))
    for _ in range(int(rng.integers(1, 7))):
        swell = swell + rng.normal(0, 0.09) * np.sin(
            direction @ rng.normal(0, rng.uniform(1, 5), 3) + rng.uniform(0, 6.3)
        )
    parts = [Part(part.vertices * swell[:, None], part.faces, skin)]
    if rng.random() < 0.4:
        parts.append(capsule(_v(0, 0.2, 0), _v(rng.normal(0, 0.1), 0.8, rng.normal(0, 0.1)), 0.06, 0.03, other))
    return parts


def pile(rng: Generator) -> list[Part]:
    """A core with simple bodies grown out of it, often mirrored left and right."""
    colours = _palette(rng, 4)
    parts: list[Part] = []
    mirrored = rng.random() < 0.7
    for k in range(int(rng.integers(2, 9))):
        size = rng.uniform(0.06, 0.5, 3) * (1.8 if k == 0 else 1)
        at = _v(0, 0, 0)
        if k:
            host = parts[int(rng.integers(0, len(parts)))].vertices
            at = host[int(rng.integers(0, len(host)))]
        colour = colours[int(rng.integers(0, 4))]
        turn = turned(*(rng.normal(0, 0.6, 3) * (rng.random() < 0.5)))
        kind = rng.integers(0, 5)
        if kind == 0:
            part = box(size, colour)
        elif kind == 1:
            part = superquadric(size, rng.uniform(0.1, 1.5), rng.uniform(0.1, 1.5), colour)
        elif kind == 2:
            part = lathe(
                np.array([[0, -0.5], [rng.uniform(0.1, 0.5), -0.5], [rng.uniform(0.1, 0.5), 0.5], [0, 0.5]]),
                colour,
                int(rng.choice([6, 16])),
            ).placed(_v(0, 0, 0), None, size)
        elif kind == 3:
            part = prism(_outline(rng, 5) * size[:2] / 2, float(size[2]), colour)
        else:
            part = capsule(-size / 2, size / 2, 0.06, 0.06, colour)
        part = part.placed(at, turn)
        parts.append(part)
        if mirrored and k:
            parts.append(Part(part.vertices * [-1, 1, 1], part.faces, colour))
    return parts
