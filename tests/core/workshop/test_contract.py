"""What every operation of the catalogue promises."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import about
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue
from img2model_desktop.core.workshop.catalog import OPERATIONS, find
from img2model_desktop.core.workshop.operation import Operation, Outcome
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.errors import Cancelled, EngineProblem, Img2ModelError, InputProblem
from tests.shapes import box, mesh_of, moebius, sphere, textured, together, torus, turned

KEYS = [operation.key for operation in OPERATIONS]
SMALL: dict[str, dict[str, OptionValue]] = {
    "solid": {"detail": 32},
    "hollow": {"wall_mm": 4.0},
    "decimate": {"faces": 40},
    "remesh": {"faces": 100},
    "unwrap": {"texture_px": 64},
    "texture_size": {"texture_px": 16},
}
"""Options with which an operation has something to do on a small mesh, and is quick."""


def in_mm(mesh: Mesh, longest: float = 0.03) -> Mesh:
    """The mesh at a size that suits the defaults of the options."""
    factor = longest / float(mesh.size_m.max())
    return mesh.moved((mesh.vertices * factor).astype(np.float32))


def soup(seed: int, places: int, count: int, exotic: bool) -> Mesh:
    """Any faces between any places: crossing, doubled, flat, crowded."""
    rng = np.random.default_rng(seed)
    vertices = rng.random((places, 3)).astype(np.float32) / 10
    if exotic:
        vertices = np.round(vertices * 40) / np.float32(40)  # many at one place, on one line, in one plane
    return Mesh(vertices, rng.integers(0, places, (count, 3)).astype(np.int32)).validate()


MESHES = {
    "ball": in_mm(sphere(rows=8, columns=12)),
    "ring": in_mm(torus(rows=10, columns=8)),
    "strip": in_mm(moebius(12)),
    "nested": in_mm(together(box(4, 4, 4), turned(box(1, 1, 1, at=(1, 1, 1))))),
    "open": in_mm(Mesh(box().vertices, box().faces[:9])),
    "textured": in_mm(textured(box())),
    "sheet": mesh_of([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], [[0, 1, 2]]),
    "point": mesh_of(np.ones((3, 3)), [[0, 1, 2]]),
}


def step_of(operation: Operation, **options: OptionValue) -> Step:
    return Step(operation.key, tuple(sorted((SMALL.get(operation.key, {}) | options).items())))


def run(operation: Operation, mesh: Mesh, step: Step) -> Outcome | type[Exception]:
    """What comes of it, after checking what must hold whatever comes."""
    before = [None if array is None else array.tobytes() for array in (mesh.vertices, mesh.faces, mesh.uv)]
    said: Img2ModelError | None = None
    try:
        outcome: Outcome | type[Exception] = operation.run(mesh, step, Progress())
    except (InputProblem, EngineProblem) as problem:
        said, outcome = problem, type(problem)
    assert said is None or (said.message.endswith(".") and said.advice.endswith("."))
    after = [None if array is None else array.tobytes() for array in (mesh.vertices, mesh.faces, mesh.uv)]
    assert after == before
    if isinstance(outcome, Outcome):
        outcome.mesh.validate()
        assert all(note.endswith(".") for note in outcome.notes)
    return outcome


def same(one: Outcome | type[Exception], other: Outcome | type[Exception]) -> bool:
    if not isinstance(one, Outcome) or not isinstance(other, Outcome):
        return one is other
    first, second = one.mesh, other.mesh
    return (
        np.array_equal(first.vertices, second.vertices)
        and np.array_equal(first.faces, second.faces)
        and (first.uv is None) == (second.uv is None)
        and (first.uv is None or np.array_equal(first.uv, second.uv))
        and one.notes == other.notes
    )


@pytest.mark.parametrize("key", KEYS)
def test_any_mesh_gives_a_valid_mesh_or_one_of_our_errors_and_always_the_same(key: str) -> None:
    operation = find(key)
    came = {name: run(operation, mesh, step_of(operation)) for name, mesh in MESHES.items()}
    assert isinstance(came["ball"], Outcome) or isinstance(came["textured"], Outcome)
    for name in ("ball", "textured", "open"):
        assert same(came[name], run(operation, MESHES[name], step_of(operation)))


@pytest.mark.parametrize("key", KEYS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(3, 16), st.integers(1, 24), st.booleans())
def test_any_soup_too(key: str, seed: int, places: int, count: int, exotic: bool) -> None:
    operation = find(key)
    run(operation, soup(seed, places, count, exotic), step_of(operation))


@pytest.mark.parametrize("key", KEYS)
def test_it_can_be_stopped_at_once(key: str) -> None:
    operation = find(key)
    mesh = MESHES["textured" if operation.group.value == "Texture" else "ball"]
    with pytest.raises(Cancelled):
        operation.run(mesh, step_of(operation), Progress(is_cancelled=lambda: True))


@pytest.mark.parametrize("key", KEYS)
def test_progress_only_grows_and_stays_in_its_range(key: str) -> None:
    operation = find(key)
    reports: list[float] = []
    mesh = MESHES["textured" if operation.group.value == "Texture" else "ball"]
    operation.run(mesh, step_of(operation), Progress(reports.append))
    assert reports == sorted(reports)
    assert all(0 <= report <= 1 for report in reports)


def extremes() -> Iterator[tuple[str, str, OptionValue]]:
    """Every option of every operation at its ends, its default and each of its choices."""
    for operation in OPERATIONS:
        for item in fields(operation.options):
            described = about(item)
            values: tuple[OptionValue | None, ...] = (described.low, described.high, item.default, *described.choices)
            for value in dict.fromkeys(values):
                if value is not None and isinstance(item.default, str | bool) == isinstance(value, str | bool):
                    whole = isinstance(item.default, int) and isinstance(value, float)
                    yield operation.key, item.name, int(value) if whole else value


COSTLY = {
    ("solid", "detail", 512),
    ("hollow", "wall_mm", 0.2),
    ("remesh", "faces", 20_000),
    ("remesh", "faces", 500_000),
    ("unwrap", "texture_px", 2048),
    ("unwrap", "texture_px", 8192),
}
"""The work that these ask for is large whatever the mesh; that they are taken is checked, the work is not done."""


@pytest.mark.parametrize(("key", "name", "value"), list(extremes()))
def test_every_option_works_at_its_ends(key: str, name: str, value: OptionValue) -> None:
    operation = find(key)
    step = step_of(operation, **{name: value})
    assert getattr(operation.build(step), name) == value
    if (key, name, value) not in COSTLY:
        run(operation, MESHES["textured" if operation.group.value == "Texture" else "ball"], step)


def test_keys_titles_and_entries_are_one_each() -> None:
    for values in ([o.key for o in OPERATIONS], [o.title for o in OPERATIONS], [o.entry for o in OPERATIONS]):
        assert len(set(values)) == len(OPERATIONS)
    assert all(operation.summary.endswith(".") for operation in OPERATIONS)
