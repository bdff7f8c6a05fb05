"""What the weights window lets run aside: module-level functions for `JobRunner.call`."""

import functools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.bench import convert_weights
from img2model_desktop.engines.weights import converted, delivery, sets
from img2model_desktop.engines.weights.delivery import Terms, Waiting
from img2model_desktop.engines.weights.found import Found
from img2model_desktop.engines.weights.library import Library, SetState, Standing
from img2model_desktop.engines.weights.pipelines import Pipeline, Pipelines, is_pipeline, recognise
from img2model_desktop.jobs.estimates import NETWORK_SHARE, measure_processor


@dataclass(frozen=True, slots=True)
class Brought:
    """What a folder or a file holds, and what taking it in would mean.

    Args:
        path: of the folder or file.
        sets: found in it; none where it is a pipeline.
        free: bytes that are free where the library is.
        is_one_disk: whether the files lie on the library's disk, so that moving them needs no room.
        pipeline: for making pictures from words, or None.
    """

    path: Path
    sets: tuple[Found, ...]
    free: int
    is_one_disk: bool
    pipeline: Pipeline | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the library holds.

    Args:
        states: of every set.
        waiting: downloads that ended early, by key.
        pipelines: of the user's own, newest first.
        tflops: that networks may reach on this processor, 10^12 operations a second; 0 where it was not measured.
        converted: name of the converted file that is used, by key of the set.
        pickles: keys of the sets that lie here as PyTorch files.
    """

    states: tuple[SetState, ...]
    waiting: dict[str, Waiting]
    pipelines: tuple[Pipeline, ...] = ()
    tflops: float = 0.0
    converted: dict[str, str] = field(default_factory=dict)
    pickles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a download would mean here.

    Args:
        terms: to be agreed to.
        free: bytes that are free where the library is.
        there: bytes that are there already, from an earlier call.
    """

    terms: Terms
    free: int
    there: int


def look(folder: str, report: Any, is_cancelled: Any) -> Seen:  # noqa: ARG001 - runs aside
    """What the library holds."""
    library = Library(Path(folder))
    left = {entry.key: delivery.waiting(library, entry.key) for entry in sets.SETS}
    waiting = {key: one for key, one in left.items() if one is not None}
    states = library.states()
    ready = {state.key: library.folder(state.key) for state in states if state.standing is Standing.READY}
    made = {key: converted.fitting(files) for key, files in ready.items()}
    return Seen(
        states,
        waiting,
        Pipelines(Path(folder)).entries(),
        _tflops(),
        {key: path.name for key, path in made.items() if path is not None},
        frozenset(key for key, files in ready.items() if converted.is_pickle(files)),
    )


def find(folder: str, path: str, wanted: str, report: Any, is_cancelled: Any) -> Brought:
    """What a folder or a file holds.

    Args:
        folder: of the library.
        path: of what was brought.
        wanted: key of the one set that it shall hold, or "" for all there are, and for pipelines.

    Raises:
        SetupProblem: nothing that can be used, or not what is wanted.
    """
    library, brought, progress = Library(Path(folder)), Path(path), Progress(report, is_cancelled)
    place = _existing(Path(folder))
    free = shutil.disk_usage(place).free
    if not wanted and is_pipeline(brought):
        return Brought(brought, (), free, False, recognise(brought))
    found = (library.find(brought, wanted, progress),) if wanted else library.find_all(brought, progress)
    is_one_disk = all(one.files[0].source.stat().st_dev == place.stat().st_dev for one in found)
    return Brought(brought, found, free, is_one_disk)


def take(folder: str, found: Found, how: str, report: Any, is_cancelled: Any) -> SetState:
    """Takes in what `find` found; how its set stands then."""
    return Library(Path(folder)).take(found, how, Progress(report, is_cancelled))


def ask(folder: str, key: str, host: str, report: Any, is_cancelled: Any) -> Asked:  # noqa: ARG001 - runs aside
    """What downloading a set from a host would mean. Opens nothing."""
    left = delivery.waiting(Library(Path(folder)), key)
    free = shutil.disk_usage(_existing(Path(folder))).free
    return Asked(delivery.terms_of(key, host), free, left.bytes if left else 0)


def fetch(folder: str, key: str, consent: str, host: str, report: Any, is_cancelled: Any) -> SetState:
    """Downloads a set, or what is damaged of it; how it stands then. Raises as `delivery.fetch` does."""
    return delivery.fetch(Library(Path(folder)), key, consent, host, Progress(report, is_cancelled))


def discard(folder: str, key: str, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - runs aside
    """Deletes what an unfinished download has left."""
    delivery.discard(Library(Path(folder)), key)


def verify(folder: str, key: str, report: Any, is_cancelled: Any) -> SetState:
    """Reads a set byte by byte; how it stands then."""
    return Library(Path(folder)).verify(key, Progress(report, is_cancelled))


def remove(folder: str, key: str, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - runs aside
    """Takes a set out of the library."""
    Library(Path(folder)).remove(key)


def export(folder: str, key: str, out: str, report: Any, is_cancelled: Any) -> Path:
    """Writes a set for another machine; where to."""
    return Library(Path(folder)).export(key, Path(out), Progress(report, is_cancelled))


def convert(folder: str, key: str, is_half: bool, report: Any, is_cancelled: Any) -> Path:
    """Makes a converted file of a set; which."""
    files = Library(Path(folder)).folder(key)
    return convert_weights(files, sets.find(key), is_half, Progress(report, is_cancelled))


def drop_converted(folder: str, key: str, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - runs aside
    """Deletes what was made of a set's files."""
    converted.drop(Library(Path(folder)).folder(key))


def link(folder: str, path: str, report: Any, is_cancelled: Any) -> Pipeline:  # noqa: ARG001 - runs aside
    """Takes in a pipeline of the user's own."""
    return Pipelines(Path(folder)).add(Path(path))


def verify_pipeline(folder: str, name: str, report: Any, is_cancelled: Any) -> Pipeline:
    """Reads a pipeline byte by byte."""
    return Pipelines(Path(folder)).verify(name, Progress(report, is_cancelled))


def unlink(folder: str, name: str, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - runs aside
    """Takes a pipeline out of the library; its folder stays as it is."""
    Pipelines(Path(folder)).remove(name)


@functools.cache
def _tflops() -> float:
    """Measured once in each helper process."""
    return NETWORK_SHARE * max(measure_processor(None, None) for _ in range(3))  # others may be at work


def _existing(folder: Path) -> Path:
    """The folder, or the next one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
