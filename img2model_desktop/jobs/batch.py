"""What a batch is: many pictures, one request, one folder for the results.

Beside it: `batch_scan` finds the pictures, `batch_ledger` keeps on disk what became of each, `batch_run` makes them in
helper processes, `batch_report` writes pages about them.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from img2model_desktop.core.request import Request
from img2model_desktop.errors import InputProblem


@dataclass(frozen=True, slots=True)
class Batch:
    """Many pictures to be made into meshes in one way.

    Args:
        sources: folders and picture files, absolute.
        target: folder of the results, absolute; it also holds the ledger.
        request: for every picture; its own picture and strokes are not used.
        suffix: of the results, ".glb" and the like.
        up: axis that points up in the results, see `export.ExportOptions`.
        recursive: folders inside the sources are looked into as well.
    """

    sources: tuple[Path, ...]
    target: Path
    request: Request
    suffix: str = ".glb"
    up: str = "y"
    recursive: bool = False

    @property
    def stamp(self) -> str:
        """What a result depends on beside its picture, as a hash: with another stamp it has to be made again."""
        plain = {"request": _template(self.request).to_dict(), "suffix": self.suffix, "up": self.up}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def request_for(self, picture: Path) -> Request:
        """The request of one picture."""
        return replace(_template(self.request), picture=str(picture))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the target. `from_dict` brings the same batch back."""
        return {
            "sources": [str(source) for source in self.sources],
            "request": _template(self.request).to_dict(),
            "suffix": self.suffix,
            "up": self.up,
            "recursive": self.recursive,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any], target: Path) -> "Batch":
        """The batch that `to_dict` wrote.

        Raises:
            InputProblem: it is damaged, or of a newer version.
        """
        try:
            return cls(
                tuple(Path(source) for source in plain["sources"]),
                target,
                Request.from_dict(plain["request"]),
                str(plain["suffix"]),
                str(plain["up"]),
                bool(plain["recursive"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputProblem("This batch cannot be read.", "Start it again with its pictures.") from None


def _template(request: Request) -> Request:
    return replace(request, picture="", strokes=())


@dataclass(frozen=True, slots=True)
class Source:
    """One picture file of a batch, as it was found.

    Args:
        key: its path below the batch's source, with "/" between the parts: the same at every run. Where there are
            several sources, the name of its source comes first.
        path: absolute.
        bytes: its size.
        mtime_ns: when it was changed, nanoseconds since the epoch.
    """

    key: str
    path: Path
    bytes: int
    mtime_ns: int

    @property
    def look(self) -> tuple[int, int]:
        """What tells that nobody has touched the file."""
        return self.bytes, self.mtime_ns


def content_hash(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
