"""The log file: rotating, and its last lines for a bug report."""

import logging
import logging.handlers
from pathlib import Path

FILE_NAME = "image2model.log"
MAX_BYTES = 1_000_000
KEPT_FILES = 3


def start(folder: Path) -> Path:
    """Sends everything from level INFO on to a rotating file in `folder`; the file."""
    path = folder / FILE_NAME
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path


def last_lines(path: Path, count: int = 200) -> str:
    """The end of the log, "" when there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except OSError:
        return ""
