"""A recording of kills and restarts: the program is killed at chosen and at random moments, and goes on.

`recording.txt` in the test's folder is the recording, a line for each thing that happened. The long form, with the
window's own queue and its helper processes, is `tests/bench/killing.py`.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mortal import JOURNAL, Fate, Nursery
from tests.witness import Witness

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="its children are forked")

POINTS = (
    "half of job.json",
    "sql insert",
    "Started, kept",
    "half of cutout.png",
    "Preview cut out, not yet kept",
    "half of shape.npz",
    "StageBegan clean, kept",
    "half of result.glb",
    "all of result.glb, hidden",
    "Finished, not yet kept",
    "half of ended.json",
)
RANDOM_KILLS = 3


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def nursery(home: Path) -> Iterator[Nursery]:
    nursery = Nursery(home)
    yield nursery
    nursery.close()


def told(line: dict[str, Any], names: dict[str, str]) -> str:
    """A line of the journal for people; "" where it says nothing new."""
    job = names.setdefault(line["job"], f"job {len(names) + 1}") if "job" in line else ""
    match line["what"]:
        case "began":
            return "the program starts"
        case "added":
            return f"  {job} waits"
        case "event":
            again = ", taken up again" if line.get("resumed") else ""
            return f"  {job}: {line['type']} {line.get('stage', '')}".rstrip() + again
        case "killed":
            return f"killed at: {line['at']}"
        case "ended":
            return "the program ends by itself"
    return ""


def test_killed_at_chosen_points_and_at_random_moments(nursery: Nursery, home: Path, tmp_path: Path) -> None:
    witness, chance = Witness(home, JOURNAL), random.Random(5)
    recording: list[str] = []
    names: dict[str, str] = {}
    kills = 0

    def live(fate: Fate, after_s: float | None = None) -> bool:
        was_killed = nursery.raise_child(fate, after_s)
        recording.extend(line for one in witness.look() if (line := told(one, names)))
        if was_killed and not recording[-1].startswith("killed"):
            recording.append("killed at a random moment")
        return was_killed

    for seed, label in enumerate(POINTS):
        kills += live(Fate("one", label, seed=seed))
    for seed in range(RANDOM_KILLS):
        kills += live(Fate("one", seed=seed), chance.uniform(0.02, 0.3))
    assert not live(Fate("drain"))
    witness.look_at_the_end()
    (tmp_path / "recording.txt").write_text("\n".join(recording))

    assert kills >= len(POINTS)
    assert [line for line in recording if line.startswith("killed at: ")] == [f"killed at: {at}" for at in POINTS]
    assert recording.count("the program starts") == kills + recording.count("the program ends by itself")
    for stage in ("cut out", "sculpt", "save"):  # each was finished once, then taken up again after a kill
        assert any(line.endswith(f"StageBegan {stage}, taken up again") for line in recording), stage
    at = recording.index("killed at: Finished, not yet kept")
    following = recording[at : at + 5]
    assert following[1] == "the program starts"
    assert following[3].endswith("StageBegan save, taken up again")  # what was made is not made twice
    assert following[4] == "killed at: half of ended.json"  # after its row was written: that is its end
    assert witness.figures["of them done"] == witness.figures["jobs in the history"] == len(names)


def test_the_witness_sees_what_is_wrong(nursery: Nursery, home: Path) -> None:
    """A witness that never complains would say nothing."""
    assert not nursery.raise_child(Fate("one"))
    Witness(home, JOURNAL).look_at_the_end()
    (result,) = (home / "jobs").glob("*/result.glb")
    whole = result.read_bytes()

    witness = Witness(home, JOURNAL)
    witness.look()
    result.write_bytes(whole)
    with pytest.raises(AssertionError, match="made twice"):
        witness.look()

    hidden = result.parent / ".image2model-00000000"
    hidden.mkdir()
    with pytest.raises(AssertionError, match="left behind"):
        Witness(home, JOURNAL).look_at_the_end()
    hidden.rmdir()

    result.rename(home / "elsewhere")
    with pytest.raises(AssertionError, match="no result"):
        Witness(home, JOURNAL).look_at_the_end()
    (home / "elsewhere").rename(result)

    with (home / JOURNAL).open("a") as file:
        file.write('{"what": "added", "job": "never kept"}\n')
    with pytest.raises(AssertionError, match=r"lost.*never kept"):
        Witness(home, JOURNAL).look()
