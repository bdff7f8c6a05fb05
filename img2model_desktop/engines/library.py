"""The library of published weights that the user brought: one folder a set, the same layout everywhere.

<library>/<key>/engine.json    source, revision, licence, files with bytes, sha256 and when they were verified
                LICENSE.txt    what the weights may be used for
                files/...      the files, under the paths of the hub repository
"""

from pathlib import Path

from img2model_desktop.engines import weight_sets
from img2model_desktop.engines.headers import megabytes
from img2model_desktop.engines.weight_sets import WeightSet
from img2model_desktop.errors import SetupProblem

FILES = "files"


class Library:
    """The sets in one folder.

    Args:
        folder: that holds them; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, key: str) -> Path:
        """The files of a set, for its engine.

        Raises:
            SetupProblem: the set is not here, or not whole; it says what to do.
        """
        weight_set = weight_sets.find(key)
        files = self._folder / key / FILES
        if not files.is_dir():
            raise missing_weights(weight_set)
        return files


def missing_weights(weight_set: WeightSet) -> SetupProblem:
    """What to say when an engine has no weights."""
    return SetupProblem(
        f"{weight_set.title} needs its weights ({megabytes(weight_set.bytes)}), which are not on this computer.",
        "Import the weights: img2model weights import FOLDER",
        f"They are published as {weight_set.source}.",
    )
