"""Where engines are loaded, called and closed. Nobody else does that."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img2model_desktop.aside import Worker
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.engines import weight_sets
from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.engines.library import Library, missing_weights
from img2model_desktop.errors import EngineProblem, OutOfMemory, no_memory

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.picture import Picture


class Bench:
    """Calls engines where heavy work runs.

    Built-in engines load in a fraction of a second, so each call loads one. An engine with published weights stays
    loaded there until another one is needed, its files change, memory runs out, or `free` or `close` is called.

    Args:
        worker: where that is; `close` closes it.
        weights: folder of the library of published weights; None has none.
    """

    def __init__(self, worker: Worker, weights: Path | None = None) -> None:
        self.worker = worker
        self._library = None if weights is None else Library(weights)

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

    def licence_of(self, spec: EngineSpec) -> str:
        """Of the weights that the engine would use: the licence that came with them, else that of the published ones;
        "" for an engine that is built in."""
        if not spec.weights:
            return ""
        found = self._library.state(spec.weights).licence if self._library else ""
        return found or spec.licence

    def free(self, progress: Progress) -> None:
        """Gives back the memory of the engine that stays loaded; the next call loads it again."""
        self.worker.run(free_held, tick=progress.update)

    def close(self) -> None:
        """Frees all that was loaded."""
        self.worker.close()
        _free()  # where the worker runs functions in this process, what it held is here

    def _call(self, spec: EngineSpec, method: str, args: tuple[Any, ...], progress: Progress) -> Any:
        if not spec.weights:
            return self.worker.run(call_engine, spec.entry, method, args, tick=progress.update)
        folder = self._folder_of(spec)
        return self.worker.run(call_held, spec.entry, folder, method, args, tick=progress.update)

    def _folder_of(self, spec: EngineSpec) -> Path:
        """Where the engine's files are. Raises SetupProblem when they are missing, which says how to get them."""
        if self._library is None:
            raise missing_weights(weight_sets.find(spec.weights))
        return self._library.folder(spec.weights)


def call_engine(entry: str, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Loads the engine of a catalogue entry, calls one method, closes it; runs aside.

    Args:
        entry: "module:function" of `EngineSpec.entry`.
        method: `make`, `cut` or `sculpt`.
        args: of the method, without its progress.
    """
    engine = _loader(entry)()
    try:
        return getattr(engine, method)(*args, Progress(report, is_cancelled))
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class _Held:
    """The engine that stays loaded in this process.

    Args:
        entry: of the catalogue.
        folder: its files.
        stamp: what tells whether these are still the same files.
    """

    entry: str
    folder: Path
    stamp: tuple[tuple[str, int, int], ...]
    engine: Any


_HELD: list[_Held] = []  # one at most: two heavy engines would not fit many machines


def call_held(entry: str, folder: Path, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Calls one method of an engine with published weights and keeps it loaded; runs aside.

    Args:
        entry: "module:function" of `EngineSpec.entry`.
        folder: with the set's files, for that function.
        method: `make`, `cut` or `sculpt`.
        args: of the method, without its progress.

    Raises:
        OutOfMemory: the machine or its graphics card has not enough; nothing stays loaded then.
    """
    try:
        engine = _held_engine(entry, folder, is_cancelled)
        return getattr(engine, method)(*args, Progress(report, is_cancelled))
    except OutOfMemory as error:  # the engine's own words, which know what to do about it
        problem = OutOfMemory(error.message, error.advice, error.details)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        problem = no_memory(str(error))
    # outside the handlers: an exception's traceback holds on to the very tensors that are to go
    engine = None
    _free()
    raise problem


def free_held(report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - what runs aside takes both
    """Frees the engine that stays loaded in this process; runs aside."""
    _free()


def _held_engine(entry: str, folder: Path, is_cancelled: Any) -> Any:
    stamp = _stamp(folder)
    if _HELD and (_HELD[0].entry, _HELD[0].folder, _HELD[0].stamp) == (entry, folder, stamp):
        return _HELD[0].engine
    _free()  # before the other one is loaded: memory may not hold both
    Progress(is_cancelled=is_cancelled).update(0.0)
    engine = _loader(entry)(folder)
    _HELD.append(_Held(entry, folder, stamp, engine))
    return engine


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    stats = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _free() -> None:
    while _HELD:
        _HELD.pop().engine.close()
    torch = sys.modules.get("torch")  # never imported here: built-in engines do without
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _is_out_of_memory(error: BaseException) -> bool:
    """By type alone: the words of such errors change."""
    torch = sys.modules.get("torch")
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))


def _loader(entry: str) -> Any:
    module, function = entry.split(":")
    return getattr(importlib.import_module(module), function)
