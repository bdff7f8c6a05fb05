"""How close the built-in sculptors come to true shapes, beside the simple baselines of the evaluation set.

    python -m tests.bench.evaluation [--view view|front|both] [--engines inflate,...] [--jobs N] [--eval DIR]

Each object's picture goes through the engine as a job would send it; the evaluation set's own `evaluate.py` then
compares the written meshes with the truth, in the axes of the camera. The row "auto" is what the program chooses; the
row "twin upright" stands as the engine's usual pose does and is compared with the truth standing upright. DIR is,
where not given, the environment variable IMG2MODEL_EVAL or a folder `shared/eval` beside this checkout.
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

from img2model_desktop.core.chooser import choose_sculptor
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.catalog import find
from img2model_desktop.errors import InputProblem
from tests.bench.table import Table

NAME = "evaluation"

VIEWS = ("view", "front")
ENGINES = ("extrude", "lathe", "relief", "inflate", "twin", "auto", "twin upright")
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


def table(folder: Path, view: str, engines: tuple[str, ...], jobs: int = 1) -> Table:
    """The baselines' rows, as published with the data, and ours.

    Args:
        folder: of the evaluation data.
        view: "view" (product shot) or "front".
        engines: keys of sculptors, or "auto"; with " upright" for the usual pose.
        jobs: processes that compare.
    """
    published = json.loads((folder / "objects" / "baselines.json").read_text(encoding="utf-8"))[view]["summary"]
    rows = [_row(name, summary, "-") for name, summary in published.items()]
    for key in engines:
        with tempfile.TemporaryDirectory(prefix="img2model-evaluation-") as out:
            engine, _, pose = key.partition(" ")
            seconds = _build(folder, view, engine, pose or "as seen", Path(out))
            summary = _measured(folder, view, pose or "camera", Path(out), jobs)
        rows.append(_row(key, summary, f"{seconds:.2f}"))
    title = f"From {view}.png of {summary['objects']} objects: mean (median); raw means without alignment"
    return Table(title, ["", *(name for name, _, _ in COLUMNS), "s"], rows)


def _build(folder: Path, view: str, engine: str, pose: str, out: Path) -> float:
    """Writes a mesh for each object; returns the mean seconds that one took, without files."""
    objects = json.loads((folder / "objects" / "manifest.json").read_text(encoding="utf-8"))["objects"]
    loaded: dict[str, Any] = {}
    spent = 0.0
    for entry in objects:
        picture = read_picture(folder / "objects" / entry["images"][view])
        spec = find(choose_sculptor(picture).engine if engine == "auto" else engine, Role.SCULPTOR)
        if spec.key not in loaded:
            module, function = spec.entry.split(":")
            loaded[spec.key] = getattr(importlib.import_module(module), function)()
        has_pose = "pose" in {item.name for item in fields(spec.options)}
        options = build_options(spec, Quality.STANDARD, {"pose": pose} if has_pose else {})
        began = time.perf_counter()
        try:
            mesh = loaded[spec.key].sculpt(picture, options, 0, Progress())
        except InputProblem:  # the lathe turns not everything; a mesh that is missing is scored as the worst
            continue
        spent += time.perf_counter() - began
        write_mesh(mesh, out / f"{entry['id']}.glb")
    for sculptor in loaded.values():
        sculptor.close()
    return spent / len(objects)


def _measured(folder: Path, view: str, frame: str, out: Path, jobs: int) -> dict[str, Any]:
    """The summary of the evaluation set's own tool over a folder of meshes."""
    result = out / "result.json"
    command = [sys.executable, str(folder / "evaluate.py"), "--set", str(folder / "objects"), "--pred", str(out)]
    command += ["--view", view, "--frame", frame, "--jobs", str(jobs), "--json", str(result)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
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
    parser.add_argument("--jobs", type=int, default=2, help="processes that compare with the truth")
    parser.add_argument("--eval", type=Path, default=eval_folder(), metavar="DIR", help="the evaluation data")
    arguments = parser.parse_args(argv)
    if not (arguments.eval / "evaluate.py").is_file():
        print(f"There is no evaluation data in {arguments.eval}; name its folder with --eval.", file=sys.stderr)
        return 2
    for view in VIEWS if arguments.view == "both" else (arguments.view,):
        print(table(arguments.eval, view, tuple(arguments.engines.split(",")), arguments.jobs), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
