"""What the window is given: what it remembers, and where its files are."""

from dataclasses import dataclass
from pathlib import Path

from img2model_desktop.gui.theme import ThemeChoice


@dataclass(frozen=True, slots=True)
class WindowState:
    """What the window remembers from one start to the next.

    Args:
        layout: geometry and splitters as text, "" for the default.
        theme: system, dark or light.
        export_dir: the folder of the last export, "" for the home folder.
        export_suffix: ".glb" and the like.
        size_mm: longest side of a new result, millimetres.
        up_axis: "y" or "z".
        purpose: what meshes are judged for first, a value of `core.verdict.findings.Purpose`.
    """

    layout: str = ""
    theme: ThemeChoice = ThemeChoice.SYSTEM
    export_dir: str = ""
    export_suffix: str = ".glb"
    size_mm: float = 100.0
    up_axis: str = "y"
    purpose: str = "print"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the window finds and keeps files.

    Args:
        samples: pictures to try.
        pasted: folder for pictures that came without a file.
        changelog: shown as "What is new".
        logs: folder of the log.
        weights: folder of the library of published weights.
        data: folder of everything that the program keeps, or None: no readings are kept.
        database: of the history, for those who only look.
    """

    samples: tuple[Path, ...]
    pasted: Path
    changelog: Path
    logs: Path
    weights: Path
    data: Path | None = None
    database: Path | None = None
