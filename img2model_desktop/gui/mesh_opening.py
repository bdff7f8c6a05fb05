"""Opening mesh files of any program, and making a mesh again from the recipe in its file."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from img2model_desktop.core.request import Request
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.gui.workshop_calls import FoundRecipe, find_recipe

RECIPE_SUFFIX = ".glb"


class MeshOpening(QObject):
    """Makes a job of each mesh file; looks for a recipe in one that came alone.

    Signals:
        opening_wished: (object) a tuple of Request, one for each mesh.
        told: (object) a Message.
        again_wished: (object) the Request that made a mesh; its picture is there.
        settings_wished: (object) the Request that made a mesh; its picture was not found.
    """

    opening_wished = Signal(object)
    told = Signal(object)
    again_wished = Signal(object)
    settings_wished = Signal(object)

    def __init__(self, runner: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._looking = LatestCall(runner, self)
        self._looking.answered.connect(self._on_looked)

    def open(self, paths: tuple[Path, ...]) -> None:
        """Opens meshes: each becomes a card of the history."""
        self._looking.forget()
        self.opening_wished.emit(tuple(Request(mesh=str(path)) for path in paths))
        if len(paths) == 1 and paths[0].suffix.lower() == RECIPE_SUFFIX:
            folders = tuple(str(row.folder) for row in self._runner.jobs())
            self._looking.ask(find_recipe, str(paths[0]), folders)

    @Slot(object, object)
    def _on_looked(self, found: FoundRecipe | None, _trouble: Trouble | None) -> None:
        if found is None:  # no recipe, or a file that its own job tells about
            return
        try:
            request = Request.from_dict(dict(found.request))
        except Img2ModelError as problem:
            self.told.emit(Message(Tone.WARNING, f"“{found.name}” holds a recipe. {problem.message}", problem.advice))
            return
        text = f"“{found.name}” holds the recipe that made it."
        self.told.emit(Message(Tone.INFO, text, action="Make again", act=lambda: self._make_again(request, found)))

    def _make_again(self, request: Request, found: FoundRecipe) -> None:
        if not request.picture:
            self.again_wished.emit(request)
        elif found.picture:
            self.again_wished.emit(replace(request, picture=found.picture))
        else:
            self.settings_wished.emit(request)
            text = f"The recipe needs the picture “{request.picture}”, which was not found."
            self.told.emit(Message(Tone.WARNING, text, "Its settings are loaded: drop that picture, then Generate."))
