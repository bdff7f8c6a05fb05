"""Where engines are loaded, called and closed. Nobody else does that."""

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img2model_desktop import __version__
from img2model_desktop.aside import Worker
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.engines.room import Gauge, Room, a_quarter, kept_on_processor, measure
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.converted import source_of
from img2model_desktop.engines.weights.library import FILES, Library, missing_weights
from img2model_desktop.engines.weights.pipelines import PLACE, Pipelines, no_pipeline
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import EngineProblem, OutOfMemory, SetupProblem, no_memory

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.picture import Picture

CONVERSION = "img2model_desktop.engines.networks.conversion:convert"  # by name: it brings torch


class Bench:
    """Calls engines where heavy work runs.

    Built-in engines load in a fraction of a second, so each call loads one. Engines with published weights stay
    loaded there while they fit into `keep_mib`, the longest unused one going first; all of them go when memory runs
    out, and when `free` or `close` is called. Files that change are loaded again.

    Args:
        worker: where that is; `close` closes it.
        weights: folder of the library of published weights; None has none.
        keep_mib: what the engines that stay loaded may take together, MiB, by what the catalogue says of each; the
            one that was called last stays in any case. None is a quarter of the machine's memory.
        gauge: measures free memory where the engines run; module-level.
    """

    def __init__(
        self, worker: Worker, weights: Path | None = None, keep_mib: int | None = 0, gauge: Gauge = measure
    ) -> None:
        self.worker = worker
        self._library = None if weights is None else Library(weights)
        self._pipelines = Pipelines(weights)
        self._keep_mib = keep_mib
        self._gauge = gauge

    def make(self, spec: EngineSpec, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> "Picture":
        """See `base.PictureMaker.make`."""
        picture: Picture = self._call(spec, "make", (prompt, style, options, seed), progress)
        return picture

    def restyle(
        self, spec: EngineSpec, picture: "Picture", prompt: str, style: str, options: Any, seed: int, progress: Progress
    ) -> "Picture":
        """See `base.Restyler.restyle`."""
        restyled: Picture = self._call(spec, "restyle", (picture, prompt, style, options, seed), progress)
        return restyled

    def cut(
        self, spec: EngineSpec, picture: "Picture", strokes: tuple[Stroke, ...], options: Any, progress: Progress
    ) -> "Picture":
        """See `base.Cutter.cut`."""
        cut: Picture = self._call(spec, "cut", (picture, strokes, options), progress)
        return cut

    def sculpt(self, spec: EngineSpec, picture: "Picture", options: Any, seed: int, progress: Progress) -> "Mesh":
        """See `base.Sculptor.sculpt`; a mesh that is not valid is an EngineProblem, never handed on."""
        mesh: Mesh = self._call(spec, "sculpt", (picture, options, seed), progress)
        try:
            return mesh.validate()
        except ValueError as error:
            raise EngineProblem(
                f"{spec.title} made no usable mesh of this picture.",
                "Choose another engine, or mend the cut-out with the brush.",
                str(error),
            ) from None

    def require(self, spec: EngineSpec) -> None:
        """Raises SetupProblem when the engine needs weights that are not there; cheap, to be asked before the work."""
        if spec.weights:
            self._folder_of(spec)

    def missing(self, specs: Iterable[EngineSpec]) -> SetupProblem | None:
        """What would keep a job with these engines from running, as `require` would say it; None when nothing does."""
        for spec in specs:
            try:
                self.require(spec)
            except SetupProblem as problem:
                return SetupProblem(problem.message, problem.advice, problem.details)  # without what it was raised in
        return None

    def version_of(self, key: str) -> str:
        """What tells whether an engine is still the same: the program's version, and the files of its weights."""
        spec = next((spec for spec in catalog.ENGINES if spec.key == key), None)
        if spec is None or not spec.weights or self._library is None:
            return __version__
        try:
            files = repr(_stamp(self._folder_of(spec)))
        except (SetupProblem, OSError):
            return __version__
        return f"{__version__} {hashlib.sha256(files.encode()).hexdigest()[:16]}"

    def room(self, spec: EngineSpec, mib: int, card_mib: int, progress: Progress) -> Room:
        """Free memory where an engine would run; engines that stay loaded make room, as far as that is needed.

        Args:
            spec: of that engine; one that is loaded goes last.
            mib, card_mib: what it needs on the machine, or on a card where there is one and this is not 0.
        """
        room: Room = self.worker.run(
            make_room, self._gauge, spec.entry, mib, card_mib, bool(spec.card_mib), tick=progress.update
        )
        return room

    def licence_of(self, spec: EngineSpec, options: Any = None) -> str:
        """Of the weights that the engine would use: the licence that came with them, else that of the published ones;
        "" for an engine that is built in. The options name the pipeline, where it is one of the user's own."""
        if not spec.weights:
            return ""
        if spec.weights == PLACE:
            return self._pipelines.licence(getattr(options, "pipeline", ""))
        found = self._library.state(spec.weights).licence if self._library else ""
        return found or spec.licence

    def sha256_of(self, spec: EngineSpec) -> str:
        """What stands for the content of the weights that the engine would use, see `converted.source_of`; "" for an
        engine that is built in, for the user's own pipelines and for files that were never read through."""
        if not spec.weights or spec.weights == PLACE or self._library is None:
            return ""
        return source_of(self._library.place / spec.weights / FILES)

    def free(self, progress: Progress) -> None:
        """Gives back the memory of the engines that stay loaded; the next calls load them again."""
        progress.update(0.0)  # a job may have begun while this waited
        self.worker.run(free_held, tick=progress.update)

    def close(self) -> None:
        """Frees all that was loaded."""
        self.worker.close()
        _free()  # where the worker runs functions in this process, what it held is here

    def _call(self, spec: EngineSpec, method: str, args: tuple[Any, ...], progress: Progress) -> Any:
        if not spec.weights:
            return self.worker.run(call_engine, spec.entry, method, args, tick=progress.update)
        mib = max(spec.peak_mib, spec.card_mib)
        keep_mib = a_quarter() if self._keep_mib is None else self._keep_mib
        wanted = Wanted(spec.entry, self._folder_of(spec), spec.on_processor, mib, keep_mib)
        return self.worker.run(call_wanted, wanted, method, args, tick=progress.update)

    def _folder_of(self, spec: EngineSpec) -> Path:
        """Where the engine's files are. Raises SetupProblem when they are missing, which says how to get them."""
        if self._library is None:
            raise no_pipeline() if spec.weights == PLACE else missing_weights(sets.find(spec.weights))
        return self._library.folder(spec.weights)


def call_engine(entry: str, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Loads the engine of a catalogue entry, calls one method, closes it; runs aside.

    Args:
        entry: "module:function" of `EngineSpec.entry`.
        method: `make`, `cut` or `sculpt`.
        args: of the method, without its progress.

    Raises:
        OutOfMemory: the machine or its graphics card has not enough.
    """

    def call() -> Any:
        engine = _loader(entry)()
        try:
            return getattr(engine, method)(*args, Progress(report, is_cancelled))
        finally:
            engine.close()

    return _with_memory_told(call)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An engine with published weights that is to be called.

    Args:
        entry: of the catalogue.
        folder: its files.
        on_processor: it is to stay off the graphics card.
        mib: what it takes while it stays loaded, as the catalogue says.
        keep_mib: what all that stay loaded may take.
    """

    entry: str
    folder: Path
    on_processor: bool = False
    mib: int = 0
    keep_mib: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    """An engine that stays loaded in this process.

    Args:
        stamp: what tells whether its files are still the same.
    """

    wanted: Wanted
    stamp: tuple[tuple[str, int, int], ...]
    engine: Any


_HELD: list[_Held] = []  # the longest unused one first


def call_held(entry: str, folder: Path, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Calls one method of an engine with published weights and keeps it alone loaded; see `call_wanted`."""
    return call_wanted(Wanted(entry, folder), method, args, report, is_cancelled)


def call_wanted(wanted: Wanted, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Calls one method of an engine with published weights and keeps it loaded; runs aside.

    Args:
        wanted: which engine.
        method: `make`, `restyle`, `cut` or `sculpt`.
        args: of the method, without its progress.

    Raises:
        OutOfMemory: the machine or its graphics card has not enough; nothing stays loaded then.
    """

    def call() -> Any:
        with kept_on_processor(wanted.on_processor):
            engine = _held_engine(wanted, is_cancelled)
            return getattr(engine, method)(*args, Progress(report, is_cancelled))

    return _with_memory_told(call)


def _with_memory_told(call: Callable[[], Any]) -> Any:
    """What a call returns; where memory runs out, everything that stays loaded is freed, and OutOfMemory tells it."""
    try:
        return call()
    except OutOfMemory as error:  # the engine's own words, which know what to do about it
        problem = OutOfMemory(error.message, error.advice, error.details)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        problem = no_memory(str(error))
    # outside the handlers: an exception's traceback holds on to the very tensors that are to go
    _free()
    raise problem


def free_held(report: Any, is_cancelled: Any) -> None:
    """Frees the engines that stay loaded in this process; runs aside. Raises Cancelled between two of them."""
    progress = Progress(report, is_cancelled)
    while _HELD:
        progress.update(0.0)
        _close(_HELD[0])
    _empty_card()


def make_room(
    gauge: Gauge, entry: str, mib: int, card_mib: int, asks_card: bool, report: Any, is_cancelled: Any
) -> Room:
    """Free memory, after engines that stay loaded were closed as far as that is needed; runs aside.

    Args:
        gauge: measures.
        entry: of the engine that needs the room; where it is loaded, it goes last.
        mib, card_mib: what it needs; see `Bench.room`.
        asks_card: whether it could use a card.
    """
    progress = Progress(report, is_cancelled)
    room = gauge(asks_card)
    for held in sorted(_HELD, key=lambda held: held.wanted.entry == entry):  # stable: else by their last use
        if fits(room, mib, card_mib):
            break
        progress.update(0.0)
        _close(held)
        _empty_card()
        room = gauge(asks_card)
    return room


def fits(room: Room, mib: int, card_mib: int) -> bool:
    """Whether there is enough memory where the engine would run; what cannot be measured is taken for enough."""
    if room.card is not None and card_mib:
        return room.card >= card_mib
    return room.machine is None or room.machine >= mib


def _held_engine(wanted: Wanted, is_cancelled: Any) -> Any:
    stamp = _stamp(wanted.folder)
    for held in tuple(_HELD):
        if _identity(held.wanted) == _identity(wanted):
            if held.stamp == stamp:
                _HELD.remove(held)
                _HELD.append(held)
                return held.engine
            _close(held)  # its files have changed
    _leave(wanted.keep_mib - wanted.mib)  # before it is loaded: memory may not hold them all
    Progress(is_cancelled=is_cancelled).update(0.0)
    engine = _loader(wanted.entry)(wanted.folder)
    _HELD.append(_Held(wanted, stamp, engine))
    return engine


def _identity(wanted: Wanted) -> tuple[str, Path, bool]:
    return wanted.entry, wanted.folder, wanted.on_processor


def _leave(keep_mib: int) -> None:
    """Closes the longest unused engines until the others take at most that much."""
    while _HELD and (keep_mib <= 0 or sum(held.wanted.mib for held in _HELD) > keep_mib):
        _close(_HELD[0])


def _close(held: _Held) -> None:
    _HELD.remove(held)
    held.engine.close()


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    stats = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _free() -> None:
    while _HELD:
        _close(_HELD[0])
    _empty_card()


def _empty_card() -> None:
    torch = sys.modules.get("torch")  # never imported here: built-in engines do without
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _is_out_of_memory(error: BaseException) -> bool:
    """By type alone: the words of such errors change."""
    torch = sys.modules.get("torch")
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))


def convert_weights(files: Path, weight_set: WeightSet, is_half: bool, progress: Progress) -> Path:
    """Makes a converted file of a set; see `networks.conversion.convert`, which brings torch."""
    made: Path = _loader(CONVERSION)(files, weight_set, is_half, progress)
    return made


def _loader(entry: str) -> Any:
    module, function = entry.split(":")
    return getattr(importlib.import_module(module), function)
