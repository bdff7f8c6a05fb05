"""Where the program keeps its files. The environment variable IMG2MODEL_HOME moves them all."""

import os
from pathlib import Path

HOME_VARIABLE = "IMG2MODEL_HOME"
_APP = "Image2Model Desktop"


def data_dir() -> Path:
    """Jobs, history and settings; made when missing."""
    return _made("data")


def logs_dir() -> Path:
    """The log and crash reports; made when missing."""
    return _made("logs")


def jobs_dir() -> Path:
    """One folder a job; made when missing."""
    folder = data_dir() / "jobs"
    folder.mkdir(exist_ok=True)
    return folder


def history_file() -> Path:
    """The history database."""
    return data_dir() / "history.sqlite3"


def settings_file() -> Path:
    """The settings."""
    return data_dir() / "settings.json"


def weights_dir() -> Path:
    """Published weights that the user brought, one folder a set; made when missing."""
    folder = data_dir() / "weights"
    folder.mkdir(exist_ok=True)
    return folder


def resources_dir() -> Path:
    """Icons, samples, fonts, licence texts: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


def _made(kind: str) -> Path:
    moved = os.environ.get(HOME_VARIABLE)
    if moved:
        folder = Path(moved) / kind
    else:
        import platformdirs

        dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
        folder = Path(dirs.user_data_dir if kind == "data" else dirs.user_log_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
