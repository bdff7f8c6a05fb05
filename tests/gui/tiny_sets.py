"""Published sets at tiny size under their own keys: real networks, real files, loaded by the program's own code.

A helper process knows nothing of what a test changes in its own process. So the table goes there as a file: with `FILE`
in the environment, and this module among those that a helper process imports first, it takes the sets up itself.
Importing it brings no torch: the helper process for short calls is to stay quick.
"""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights import recognise, sets
from img2model_desktop.engines.weights.headers import read_header
from img2model_desktop.engines.weights.sets import WeightFile

FILE = "IMG2MODEL_TEST_SETS"
MODULE = "tests.gui.tiny_sets"
ENTRIES = {
    "birefnet-lite": "tests.engines.birefnet.birefnet_folder:load_tiny",
    "depth": "tests.engines.depth.depth_folder:load_tiny",
    "triposr": "tests.engines.triposr.triposr_folder:load_tiny",
}
"""What loads each engine: it differs from the catalogue's in the network's size alone."""

NETWORKS = {
    "birefnet-lite": "tests.engines.birefnet.birefnet_folder:tiny",
    "depth-small": "tests.engines.depth.depth_folder:published_tiny",
    "triposr": "tests.engines.triposr.triposr_folder:tiny",
}


def write(folder: Path) -> dict[str, Path]:
    """Writes the published files of each set, as a clone of its repository has them, and the table for `take_up`.

    Returns:
        The clones by the set's key. `FILE` is to be set to `folder / "table"`.
    """
    from tests.engines.birefnet import birefnet_folder
    from tests.engines.depth import depth_folder
    from tests.engines.triposr import triposr_folder

    clones = {
        "birefnet-lite": birefnet_folder.write_folder(folder / "BiRefNet_lite", net=birefnet_folder.tiny()),
        "depth-small": depth_folder.write_folder(folder / "Depth-Anything-V2-Small-hf"),
        "triposr": triposr_folder.write_folder(folder / "TripoSR"),
    }
    tiny, manifests = {}, {}
    for key, clone in clones.items():
        published = sets.find(key)
        path = clone / published.files[0].path
        file = WeightFile(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        tiny[key] = replace(published, files=(file,), network=NETWORKS[key])
        manifests[key] = read_header(path).tensors
    (folder / "table").write_bytes(pickle.dumps((tiny, manifests)))
    return clones


def take_up(change: Callable[[object, str, object], None] = setattr) -> None:
    """Puts the sets of the table into the place of those at published size."""
    tiny, manifests = pickle.loads(Path(os.environ[FILE]).read_bytes())
    known = recognise.manifest
    change(sets, "SETS", tuple(tiny.get(one.key, one) for one in sets.SETS))
    change(recognise, "manifest", lambda key: manifests[key] if key in manifests else known(key))
    engines = tuple(replace(spec, entry=ENTRIES.get(spec.key, spec.entry)) for spec in catalog.ENGINES)
    change(catalog, "ENGINES", engines)


if FILE in os.environ:
    take_up()
