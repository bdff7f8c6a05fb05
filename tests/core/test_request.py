"""A request comes back from its plain form as it was, and nothing that a file can hold makes it crash."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.errors import InputProblem

SHARE = st.floats(0, 1)
STROKES = st.builds(
    Stroke,
    adds=st.booleans(),
    radius=st.floats(0, 1, exclude_min=True),
    points=st.lists(st.tuples(SHARE, SHARE), max_size=4).map(tuple),
)
VALUES = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
REQUESTS = st.builds(
    Request,
    picture=st.text(),
    prompt=st.text(),
    style=st.text(),
    maker=st.text(),
    cutter=st.text(),
    engine=st.text(),
    quality=st.sampled_from(Quality),
    seed=st.integers(0, 2**63),
    size_mm=st.floats(0.1, 1e6),
    options=st.dictionaries(st.text(), VALUES).map(lambda options: tuple(sorted(options.items()))),
    strokes=st.lists(STROKES, max_size=3).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from(list(Request.__dataclass_fields__))


@given(REQUESTS)
def test_request_survives_json(request_: Request) -> None:
    assert Request.from_dict(json.loads(json.dumps(request_.to_dict()))) == request_


def test_defaults_are_left_out() -> None:
    assert Request().to_dict() == {}
    assert Request(seed=3, size_mm=50.0).to_dict() == {"seed": 3, "size_mm": 50.0}


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=4))
@example({"size_mm": 10**400})
@example({"strokes": [[True, 10**400, []]]})
@example({"strokes": [[True, 0.1, [[float("nan"), 0.5]]]]})
@example({"strokes": {"a": 1}})
@example({"options": ["a"]})
@example({"quality": []})
def test_any_json_gives_a_request_or_a_sentence(plain: dict[str, Any]) -> None:
    try:
        found = Request.from_dict(plain)
    except InputProblem as problem:
        sentence, advice = problem.message, problem.advice
        found = None
    if found is None:
        assert sentence.endswith(".")
        assert advice.endswith(".")
    else:
        assert isinstance(hash(found), int)
        assert all(0 < stroke.radius <= 1 for stroke in found.strokes)


@pytest.mark.parametrize(
    "plain",
    [
        {"colour": 1},
        {"seed": True},
        {"seed": 1.5},
        {"seed": "1"},
        {"picture": 3},
        {"quality": "best"},
        {"size_mm": "10"},
        {"options": {"faces": None}},
        {"strokes": [[1, 0.1, []]]},
        {"strokes": [[True, 0.0, []]]},
        {"strokes": [[True, 1.5, []]]},
        {"strokes": [[True, 0.1, [[0.5]]]]},
        {"strokes": [[True, 0.1, [[0.5, 2.5]]]]},
    ],
)
def test_wrong_entries_are_refused_by_name(plain: dict[str, Any]) -> None:
    with pytest.raises(InputProblem, match=next(iter(plain))):
        Request.from_dict(plain)


def test_whole_numbers_are_sizes_too() -> None:
    size = Request.from_dict({"size_mm": 80}).size_mm
    assert (size, type(size)) == (80.0, float)
