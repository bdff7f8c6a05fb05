"""Trains the Twin engine's network. See `python -m img2model_desktop.training COMMAND --help`.

render    views into a folder, on the processor, ahead of training; may be stopped and run several times
train     from such folders, or from views rendered into the GPU's memory first; goes on from a checkpoint
evaluate  held-out objects through the whole engine, scored in 3D
export    the weights that ship, with their recipe, and the credits of the training objects
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from img2model_desktop.engines.twin.net import NetShape, TwinNet, parameter_count
from img2model_desktop.engines.twin.sculptor import Twin
from img2model_desktop.training import checkpoint
from img2model_desktop.training.evaluation import evaluate
from img2model_desktop.training.feed import rendered_aside
from img2model_desktop.training.loop import Plan, Trainer, run
from img2model_desktop.training.objects import data_hash, read_objects
from img2model_desktop.training.pool import Pool, Source, fill, note_progress, stream
from img2model_desktop.training.views import Views


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m img2model_desktop.training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True)
    for make in (_add_render, _add_train, _add_evaluate, _add_export):
        make(commands)
    given = parser.parse_args(arguments)
    code: int = given.run(given)
    return code


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _add_render(commands: Any) -> None:
    sub = commands.add_parser("render", help="views into a folder")
    sub.add_argument("--data", type=Path, help="folder of training objects; without it, only procedural shapes")
    sub.add_argument("--pool", type=Path, required=True, help="folder to write")
    sub.add_argument("--views", type=int, default=20_000)
    sub.add_argument("--size", type=int, default=64)
    sub.add_argument("--shapes", type=float, default=0.0, help="share of procedural shapes, 0 to 1")
    sub.add_argument("--held-out", action="store_true", help="the objects kept for validation instead of the others")
    sub.add_argument("--seed", type=int, default=1)
    sub.add_argument("--threads", type=int, default=1)
    sub.set_defaults(run=_render)


def _add_train(commands: Any) -> None:
    sub = commands.add_parser("train", help="the network")
    sub.add_argument("--data", type=Path, help="folder of training objects: views are rendered before training")
    sub.add_argument("--pool", type=Path, action="append", default=[], metavar="FOLDER[=WEIGHT]", help="rendered views")
    sub.add_argument("--held-out", type=Path, help="folder of rendered views for validation")
    sub.add_argument("--out", type=Path, required=True, help="folder for curves and checkpoints")
    sub.add_argument("--resume", type=Path, help="a checkpoint, a folder of its pieces, or shipped weights")
    sub.add_argument("--pieces", action="store_true", help="also write a small checkpoint in pieces of 15 MiB")
    sub.add_argument("--views", type=int, default=60_000, help="rendered before training")
    sub.add_argument("--held-views", type=int, default=384, help="rendered for validation")
    sub.add_argument("--render-seconds", type=float, default=180.0, help="at most, for these")
    sub.add_argument("--shapes", type=float, default=0.25, help="share of procedural shapes in them")
    sub.add_argument("--render-batch", type=int, default=64)
    sub.add_argument("--shape", help="JSON of the network's shape; the rest is as resumed from, or usual")
    sub.add_argument("--seconds", type=float, default=540.0)
    sub.add_argument("--batch", type=int, default=32)
    sub.add_argument("--rate", type=float, default=6e-4)
    sub.add_argument("--last-rate", type=float, default=0.02)
    sub.add_argument("--fresh", type=int, default=24, help="views rendered anew at each step (with --data); 0 for none")
    sub.add_argument("--renderers", type=int, default=0, help="processes that render them on the processor; 0: in line")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--every", type=int, default=250, help="steps between validations")
    sub.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    sub.add_argument("--threads", type=int, default=1)
    sub.set_defaults(run=_train)


def _add_evaluate(commands: Any) -> None:
    sub = commands.add_parser("evaluate", help="held-out objects through the engine")
    sub.add_argument("--data", type=Path, required=True)
    sub.add_argument("--checkpoint", type=Path, required=True)
    sub.add_argument("--objects", type=int, default=60)
    sub.add_argument("--json", type=Path)
    sub.set_defaults(run=_evaluate)


def _add_export(commands: Any) -> None:
    sub = commands.add_parser("export", help="the weights that ship")
    sub.add_argument("--data", type=Path, required=True)
    sub.add_argument("--checkpoint", type=Path, required=True)
    sub.add_argument("--size", type=int, help="side of the pictures that the engine gives the network, pixels")
    sub.add_argument("--note", default="", help="said in the recipe: hardware, stages")
    sub.add_argument("--scores", type=Path, help="JSON of `evaluate`, kept in the recipe")
    sub.add_argument("--to", type=Path, required=True)
    sub.set_defaults(run=_export)


def _render(given: argparse.Namespace) -> int:
    torch.set_num_threads(given.threads)
    solids = read_objects(given.data, given.held_out) if given.data else []
    pool = Pool.mapped(given.pool, given.views, given.size)
    batches = stream(Source(solids, given.shapes if solids else 1.0), given.size, given.seed, torch.device("cpu"), 8)
    begun, noted = time.monotonic(), 0

    def report(filled: int) -> None:
        nonlocal noted
        if filled - noted >= 256 or filled == given.views:
            noted = filled
            note_progress(given.pool, given.views, given.size, filled)
            _say(f"{filled} of {given.views} views, {filled / (time.monotonic() - begun):.1f} a second")

    fill(pool, batches, report=report)
    return 0


def _shape_of(text: str | None, base: str) -> NetShape:
    plain = json.loads(base) | json.loads(text or "{}")
    return NetShape.from_text(json.dumps(plain))


def _train(given: argparse.Namespace) -> int:
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    state = checkpoint.read_state(given.resume) if given.resume else None
    shape = _shape_of(given.shape, state["shape"] if state else NetShape().to_text())
    size = shape.size
    pools = [_weighted(str(text)) for text in given.pool]
    held = Pool.opened(given.held_out) if given.held_out else None
    names = ("seconds", "batch", "rate", "last_rate", "fresh", "seed", "threads")
    plan = Plan(**{name: getattr(given, name) for name in names})
    with ExitStack() as stack:
        views = None
        if given.data:
            seed = given.seed + (int(state["step"]) if state else 0)  # a run that goes on sees other views
            views = stack.enter_context(_stream(given, size, seed, device))
            pools.append((_rendered(views, given.views, size, device, given.render_seconds), 1.0))
        if given.data and held is None:
            away = Source(read_objects(given.data, held_out=True), 0.0)
            held = _rendered(stream(away, size, 1, device, given.render_batch), given.held_views, size, device, 60.0)
        if not pools:
            raise SystemExit("Nothing to train on: give --pool, --data, or both.")
        trainer = Trainer(shape, plan, pools, device, views if given.fresh else None)
        if state:
            trainer.restore(state)
        counts = [len(pool) for pool, _ in pools]
        _say(f"{parameter_count(trainer.net) / 1e6:.1f} million parameters on {device}, {counts} views")
        run(trainer, held, given.out, given.every, _say)
    if given.pieces:
        checkpoint.save_pieces(given.out / "pieces", trainer.state())
    return 0


@contextmanager
def _stream(given: argparse.Namespace, size: int, seed: int, device: torch.device) -> Iterator[Iterator[Views]]:
    """New views of the training objects: from other processes, or rendered where the network trains."""
    if given.renderers:
        with rendered_aside(given.data, given.shapes, size, seed, given.renderers) as views:
            yield views
    else:
        yield stream(
            Source(read_objects(given.data, held_out=False), given.shapes), size, seed, device, given.render_batch
        )


def _weighted(text: str) -> tuple[Pool, float]:
    folder, _, weight = text.partition("=")
    return Pool.opened(Path(folder)), float(weight or 1)


def _rendered(batches: Iterator[Views], views: int, size: int, device: torch.device, seconds: float) -> Pool:
    """A pool in the device's memory, filled as far as the time allows."""
    pool, begun = Pool.blank(views, size, device), time.monotonic()
    filled = fill(pool, batches, seconds)
    _say(f"{filled} views rendered in {time.monotonic() - begun:.0f} s")
    return Pool(*(getattr(pool, name)[:filled] for name in Pool.__slots__))


def _evaluate(given: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    state = checkpoint.read_state(given.checkpoint)
    net = TwinNet(NetShape.from_text(state["shape"]))
    net.load_state_dict(state["average"])
    away = read_objects(given.data, held_out=True)[: given.objects]
    if not away:
        raise SystemExit("None of these objects is kept for validation.")
    scores = evaluate(Twin(net.eval()), away, report=_say)
    _say(json.dumps(scores))
    if given.json:
        given.json.write_text(json.dumps({"objects": len(away), **scores}), encoding="utf-8")
    return 0


def _export(given: argparse.Namespace) -> int:
    state = checkpoint.read_state(given.checkpoint)
    if given.size:
        state["shape"] = json.dumps(json.loads(state["shape"]) | {"size": given.size})
    manifest = json.loads((given.data / "manifest.json").read_text(encoding="utf-8"))
    entries = manifest["objects"] if isinstance(manifest, dict) else manifest
    recipe = {
        "data_sha256": data_hash(given.data),
        "objects": len(entries),
        "steps": state["step"],
        "samples": state["samples"],
        "trained_s": round(state["trained_s"]),
        "plan": state["plan"],
        "note": given.note,
        "scores": json.loads(given.scores.read_text(encoding="utf-8")) if given.scores else {},
    }
    digest = checkpoint.export(given.to, state, recipe)
    given.to.with_name("CREDITS.md").write_text(checkpoint.credits_text(entries), encoding="utf-8")
    _say(f"{given.to}: {given.to.stat().st_size / 2**20:.1f} MiB, sha256 {digest}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
