"""Whatever lies in the program's folders: a correct run, or an error of ours. The long form is a benchmark."""

import pytest

from tests.bench.fuzzing import KINDS, SLOW, Originals, fuzz

SEEDS = 25
FEW_SEEDS = 4
ENDS = {"right", "input", "setup", "memory", "engine", "history"}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_things_end_well(kind: str, originals: Originals) -> None:
    assert {fuzz(kind, originals, seed) for seed in range(FEW_SEEDS if kind in SLOW else SEEDS)} <= ENDS
