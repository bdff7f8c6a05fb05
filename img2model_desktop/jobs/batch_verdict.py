"""What the results of a batch are fit for, for its reports.

A verdict takes longer than many a mesh takes to be made, so that no batch waits for one: it is made when a report asks
for it, of the file as it lies there, and kept beside the small picture of the cut-out until that file changes.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.core.mesh_files import read
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.words import LEVELS, PURPOSES
from img2model_desktop.errors import InputProblem, SetupProblem
from img2model_desktop.jobs.batch_ledger import Outcome, look_of, read_entries

SUFFIX = ".fit.json"


def levels_of(result: Path, look: Path, judges: bool = True, progress: Progress | None = None) -> Mapping[str, str]:
    """What a result is fit for: level by purpose, both by their values.

    Args:
        result: the mesh file.
        look: see `batch_ledger.look_of`; the verdict lies beside it.
        judges: one that is not known yet is made; else only what is kept counts.
        progress: token.

    Returns:
        Empty where it is not known, or the file cannot be read as a mesh.

    Raises:
        Cancelled: from `progress`.
    """
    kept = look.with_suffix(SUFFIX)
    mark = _mark(result)
    if mark is None:
        return {}
    found = _kept(kept, mark)
    if found is not None or not judges:
        return found or {}
    levels = _judged(result, progress or Progress())
    try:
        kept.parent.mkdir(exist_ok=True)
        atomic.write_file(kept, json.dumps({"of": mark, "levels": levels}).encode("ascii"), flush=False)
    except (OSError, SetupProblem):
        pass  # it is made again the next time
    return levels


def judge_some(target: Path, seconds: float, progress: Progress) -> int:
    """Makes verdicts that are missing, one at least, until some time is over.

    Args:
        target: folder of the results.
        seconds: after which no other is begun.
        progress: token.

    Returns:
        How many are still missing.

    Raises:
        Cancelled: from `progress`.
    """
    until = time.monotonic() + seconds
    missing = []
    for entry in read_entries(target):
        result, look = target / entry.result, look_of(target, entry.key)
        mark = _mark(result) if entry.state is Outcome.DONE else None
        if mark is not None and _kept(look.with_suffix(SUFFIX), mark) is None:
            missing.append((result, look))
    for number, (result, look) in enumerate(missing):
        if number and time.monotonic() > until:
            return len(missing) - number
        levels_of(result, look, progress=progress)
    return 0


def _judged(result: Path, progress: Progress) -> dict[str, str]:
    from img2model_desktop.core.verdict.judge import judge
    from img2model_desktop.jobs.looks import levels

    try:
        mesh = read(result, progress=progress.part(0.0, 0.1)).mesh
    except InputProblem:
        return {}
    return levels(judge(mesh, progress=progress.part(0.1, 1.0)))


def _mark(result: Path) -> list[object] | None:
    """What a verdict depends on; None where there is no file."""
    try:
        found = result.stat()
    except OSError:
        return None
    return [__version__, found.st_size, found.st_mtime_ns]


def _kept(path: Path, mark: list[object]) -> dict[str, str] | None:
    """The verdict that was kept for exactly this file; None where there is none."""
    known = {words.key for words in PURPOSES}
    try:
        plain = json.loads(path.read_bytes())
        if plain["of"] != mark:
            return None
        return {str(key): level for key, level in plain["levels"].items() if key in known and level in LEVELS}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
