"""Where engines are loaded, called and closed. Nobody else does that."""

import importlib
from typing import TYPE_CHECKING, Any

from img2model_desktop.aside import Worker
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.errors import EngineProblem

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.picture import Picture


class Bench:
    """Calls engines. Those of today load in a fraction of a second, so each call loads one where heavy work runs.

    Args:
        worker: where that is; `close` closes it.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def make(self, spec: EngineSpec, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> "Picture":
        """See `base.PictureMaker.make`."""
        picture: Picture = self._call(spec, "make", (prompt, style, options, seed), progress)
        return picture

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

    def close(self) -> None:
        """Frees all that was loaded."""
        self.worker.close()

    def _call(self, spec: EngineSpec, method: str, args: tuple[Any, ...], progress: Progress) -> Any:
        return self.worker.run(call_engine, spec.entry, method, args, tick=progress.update)


def call_engine(entry: str, method: str, args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Loads the engine of a catalogue entry, calls one method, closes it; runs aside.

    Args:
        entry: "module:function" of `EngineSpec.entry`.
        method: `make`, `cut` or `sculpt`.
        args: of the method, without its progress.
    """
    module, function = entry.split(":")
    engine = getattr(importlib.import_module(module), function)()
    try:
        return getattr(engine, method)(*args, Progress(report, is_cancelled))
    finally:
        engine.close()
