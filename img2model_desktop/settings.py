"""What the user has set, as one frozen record. Loaded once at the start and passed; never fetched."""

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from img2model_desktop.errors import SetupProblem


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their defaults.

    Args:
        theme: system, dark or light.
        window: geometry and splitters of the main window, base64, "" for the default.
        export_dir: the folder of the last export, "" for the home folder.
        export_suffix: ".glb" and the like.
        size_mm: longest side of a new result, millimetres.
        up_axis: "y" or "z", for the formats that leave it open.
        purpose: what meshes are judged for first: print, game, web or render.
        max_picture_bytes: largest picture file that is read.
        max_picture_pixels: largest picture that is decoded, width x height.
    """

    theme: str = "system"
    window: str = ""
    export_dir: str = ""
    export_suffix: str = ".glb"
    size_mm: float = 100.0
    up_axis: str = "y"
    purpose: str = "print"
    max_picture_bytes: int = 50_000_000
    max_picture_pixels: int = 64_000_000


def load(path: Path) -> Settings:
    """The settings in `path`; an entry that is missing, unknown or of the wrong kind is left at its default, so
    that neither an older nor a newer version's file, nor a damaged one, keeps the program from starting."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Settings()
    if not isinstance(plain, dict):
        return Settings()
    return Settings(**{item.name: _fitting(plain, item.name, item.default) for item in fields(Settings)})


def save(settings: Settings, path: Path) -> None:
    """Writes the settings whole or not at all. Raises SetupProblem."""
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise SetupProblem(
            "The settings could not be saved.",
            f"Check that {path.parent} is writable and the disk is not full.",
            str(error),
        ) from None


def _fitting(plain: dict[str, Any], name: str, default: Any) -> Any:
    value = plain.get(name, default)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 1e300 else default
    return value if type(value) is type(default) else default
