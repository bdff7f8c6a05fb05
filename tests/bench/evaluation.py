"""How close the built-in sculptors come to true shapes, beside the simple baselines of the evaluation set.

    python -m tests.bench.evaluation [--view view|front|both] [--engines inflate,...] [--eval DIR]

Each object's picture goes through the engine as a job would send it; the evaluation set's own `evaluate.py` then
compares the written meshes with the truth. DIR is, where not given, the environment variable IMG2MODEL_EVAL or a
folder `shared/eval` beside this checkout.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.catalog import find
from tests.bench.table import Table

NAME = "evaluation"

VIEWS = ("view", "front")
ENGINES = ("inflate", "twin")
COLUMNS = (
    ("raw CD", "noalign", "cd"),
    ("raw F@0.1", "noalign", "f0.1"),
    ("CD", "aligned", "cd"),
    ("F@0.05", "aligned", "f0.05"),
    ("F@0.1", "aligned", "f0.1"),
    ("F@0.2", "aligned", "f0.2"),
    ("NC", "aligned", "nc"),
    ("IoU", "aligned", "iou"),
    ("IoU_fill", "aligned", "iou_fill"),
    ("sil", "aligned", "sil"),
)


def eval_folder() -> Path:
    """Where the evaluation data lies; it is not part of the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "eval"
    return Path(os.environ.get("IMG2MODEL_EVAL", beside))


def tables() -> list[Table]:
    """One table for each view; empty when the evaluation data is not there."""
    folder = eval_folder()
    return [table(folder, view, ENGINES) for view in VIEWS] if folder.is_dir() else []


def table(folder: Path, view: str, engines: tuple[str, ...]) -> Table:
    """The baselines' rows, as published with the data, and ours.

    Args:
        folder: of the evaluation data.
        view: "view" (product shot) or "front".
        engines: keys of sculptors.
    """
    published = json.loads((folder / "objects" / "baselines.json").read_text(encoding="utf-8"))[view]["summary"]
    rows = [_row(name, summary, "-") for name, summary in published.items()]
    for key in engines:
        with tempfile.TemporaryDirectory(prefix="img2model-evaluation-") as out:
            seconds = _build(folder, view, key, Path(out))
            summary = _measured(folder, view, Path(out))
        rows.append(_row(key, summary, f"{seconds:.2f}"))
    title = f"From {view}.png of {summary['objects']} objects: mean (median); raw means without alignment"
    return Table(title, ["", *(name for name, _, _ in COLUMNS), "s"], rows)


def _build(folder: Path, view: str, key: str, out: Path) -> float:
    """Writes a mesh for each object; returns the mean seconds that one took, without files."""
    spec = find(key, Role.SCULPTOR)
    module, function = spec.entry.split(":")
    sculptor = getattr(importlib.import_module(module), function)()
    has_pose = "pose" in {item.name for item in fields(spec.options)}
    options = build_options(spec, Quality.STANDARD, {"pose": "as seen"} if has_pose else {})  # the frame that is scored
    objects = json.loads((folder / "objects" / "manifest.json").read_text(encoding="utf-8"))["objects"]
    spent = 0.0
    for entry in objects:
        picture = read_picture(folder / "objects" / entry["images"][view])
        began = time.perf_counter()
        mesh = sculptor.sculpt(picture, options, 0, Progress())
        spent += time.perf_counter() - began
        write_mesh(mesh, out / f"{entry['id']}.glb")
    sculptor.close()
    return spent / len(objects)


def _measured(folder: Path, view: str, out: Path) -> dict[str, Any]:
    """The summary of the evaluation set's own tool over a folder of meshes."""
    result = out / "result.json"
    command = [sys.executable, str(folder / "evaluate.py"), "--set", str(folder / "objects"), "--pred", str(out)]
    subprocess.run([*command, "--view", view, "--json", str(result)], check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))["summary"]
    return summary


def _row(name: str, summary: dict[str, Any], seconds: str) -> list[str]:
    cells = []
    for _, part, key in COLUMNS:
        figure = summary[part].get(key)
        cells.append(f"{figure['mean']:.3f} ({figure['median']:.3f})" if figure else "-")
    return [name, *cells, seconds]


def main(argv: list[str]) -> int:
    """Prints the tables; 2 when the evaluation data is not there."""
    parser = argparse.ArgumentParser(prog="evaluation", description="Compares the sculptors with true shapes.")
    parser.add_argument("--view", choices=(*VIEWS, "both"), default="both")
    parser.add_argument("--engines", default=",".join(ENGINES), help="keys, with commas")
    parser.add_argument("--eval", type=Path, default=eval_folder(), metavar="DIR", help="the evaluation data")
    arguments = parser.parse_args(argv)
    if not (arguments.eval / "evaluate.py").is_file():
        print(f"There is no evaluation data in {arguments.eval}; name its folder with --eval.", file=sys.stderr)
        return 2
    for view in VIEWS if arguments.view == "both" else (arguments.view,):
        print(table(arguments.eval, view, tuple(arguments.engines.split(","))), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
