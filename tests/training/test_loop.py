"""Training: it learns, goes on where it stopped, and ships what it learned."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from img2model_desktop.engines.twin.net import NetShape, read_weights
from img2model_desktop.training import __main__ as command
from img2model_desktop.training import checkpoint
from img2model_desktop.training.feed import rendered_aside
from img2model_desktop.training.loop import Plan, Trainer, predict, run, validate
from img2model_desktop.training.pool import Pool, Source, fill, stream
from img2model_desktop.training.views import Views
from tests.training.test_objects import shards

CPU = torch.device("cpu")
TINY = NetShape(size=32, width=(8, 8, 16, 40), down=(0, 0, 1, 1), up=(0, 0, 1), attention=1)


@pytest.fixture(scope="module")
def pool() -> Pool:
    views = Pool.blank(16, 32, CPU)
    assert fill(views, stream(Source([], 1.0), 32, 3, CPU, 8)) == 16
    return views


def trainer(pool: Pool, **plan: float) -> Trainer:
    numbers = {"batch": 8, "warm_up": 2, "rate": 2e-3, **plan}
    return Trainer(TINY, Plan(**numbers), [(pool, 1.0)], CPU)  # type: ignore[arg-type]  # values of many kinds


def test_the_same_step_follows_after_a_restart(pool: Pool, tmp_path: Path) -> None:
    first = trainer(pool)
    for k in range(3):
        first.advance(k / 10)
    checkpoint.save_whole(tmp_path / "checkpoint.pt", first.state())
    wanted = [first.advance(0.4), first.advance(0.5)]
    second = trainer(pool, seed=9)
    second.restore(checkpoint.read_state(tmp_path / "checkpoint.pt"))
    assert [second.advance(0.4), second.advance(0.5)] == wanted
    for a, b in zip(first.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_new_views_replace_the_oldest(pool: Pool) -> None:
    ring = Pool(*(getattr(pool, name).clone() for name in Pool.__slots__))
    source = stream(Source([], 1.0), 32, 8, CPU, 5)
    wanted = [next(stream(Source([], 1.0), 32, 8, CPU, 5))]
    learner = Trainer(TINY, Plan(batch=4, fresh=3), [(ring, 1.0)], CPU, source)
    learner.next_batch()  # due 3, taken 5
    assert torch.equal(ring.image[:5], wanted[0].image)
    assert torch.equal(ring.image[5:], pool.image[5:])
    learner.next_batch()  # due 6, taken 10
    learner.next_batch()  # due 9: nothing taken
    assert not torch.equal(ring.image[5:10], pool.image[5:10])
    assert torch.equal(ring.image[10:], pool.image[10:])
    for _ in range(4):  # due 21, taken 25
        learner.next_batch()
    assert not torch.equal(ring.image[:5], wanted[0].image)


def test_views_from_other_processes_come_in_a_fixed_order() -> None:
    def once() -> list[Views]:
        with rendered_aside(None, 1.0, 32, 3, 2) as views:
            return [next(views) for _ in range(3)]

    first, second = once(), once()
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.depth, b.depth)
    assert not torch.equal(first[0].image[:8], first[1].image[:8])


def test_a_renderer_that_stops_is_told(tmp_path: Path) -> None:
    with rendered_aside(tmp_path / "nowhere", 0.0, 32, 3, 1) as views, pytest.raises(RuntimeError, match="stopped"):
        next(views)


def test_it_learns_what_it_sees(pool: Pool) -> None:
    learner = trainer(pool, average=0.8)
    before = validate(learner.average, pool, CPU)
    for _ in range(40):
        learner.advance(0.1)
    after = validate(learner.average, pool, CPU)
    assert after["depth"] < 0.9 * before["depth"]
    assert after["hit_0.1"] > before["hit_0.1"]


def test_pieces_bring_the_network_back(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "PIECE_BYTES", 20_000)
    first = trainer(pool)
    first.advance(0.0)
    checkpoint.save_pieces(tmp_path, first.state())
    pieces = list(tmp_path.iterdir())
    assert len(pieces) > 2
    assert max(piece.stat().st_size for piece in pieces) <= 20_000
    second = trainer(pool)
    second.restore(checkpoint.read_state(tmp_path))
    assert second.step == 1
    for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(a.half().float(), b)
    second.advance(0.1)


def test_a_folder_without_pieces_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="pieces"):
        checkpoint.read_state(tmp_path)


def test_shipped_weights_predict_the_same(pool: Pool, tmp_path: Path) -> None:
    learner = trainer(pool)
    learner.advance(0.0)
    digest = checkpoint.export(tmp_path / "weights" / "net.safetensors", learner.state(), {"steps": 1})
    net = read_weights(tmp_path / "weights" / "net.safetensors")
    assert net.shape == TINY
    assert len(digest) == 64
    image = pool.image[:4]
    want, have = predict(learner.average, image), predict(net, image)
    assert torch.allclose(want.front, have.front, atol=0.02)


def test_training_goes_on_from_shipped_weights(pool: Pool, tmp_path: Path) -> None:
    learner = trainer(pool)
    for _ in range(3):
        learner.advance(0.0)
    recipe = {"steps": 3, "samples": 24, "trained_s": 7}
    checkpoint.export(tmp_path / "net.safetensors", learner.state(), recipe)
    second = trainer(pool, warm_up=4)
    second.restore(checkpoint.read_state(tmp_path / "net.safetensors"))
    assert (second.step, second.samples, second.trained_s) == (3, 24, 7.0)
    for a, b in zip(learner.average.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(a.half().float(), b)
    assert second.advance(0.0)["rate"] == pytest.approx(second.plan.rate / 4)  # it warms up again


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.safetensors"):
        read_weights(tmp_path / "bad.safetensors")


def test_a_run_writes_its_curves(pool: Pool, tmp_path: Path) -> None:
    learner = trainer(pool, seconds=1.0)
    lines: list[str] = []
    run(learner, pool, tmp_path, every=2, report=lines.append)
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines) >= 1
    assert [int(row["step"]) for row in rows] == list(range(2, 2 * len(rows) + 1, 2))
    assert all(np.isfinite(float(row["held_hit_0.1"])) for row in rows)
    assert checkpoint.read_state(tmp_path / "checkpoint.pt")["step"] == learner.step


def test_the_command_renders_trains_exports_and_evaluates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shards(data)
    views, out, weights = tmp_path / "views", tmp_path / "out", tmp_path / "weights" / "twin.safetensors"
    assert command.main(["render", "--pool", str(views), "--views", "8", "--size", "32"]) == 0
    shape = TINY.to_text()
    train = ["train", "--pool", f"{views}=2", "--held-out", str(views), "--out", str(out), "--shape", shape]
    assert command.main([*train, "--seconds", "0.5", "--batch", "4", "--every", "1", "--pieces"]) == 0
    again = ["train", "--data", str(data), "--resume", str(out / "pieces"), "--out", str(out), "--views", "8"]
    again += [
        "--held-views",
        "4",
        "--render-batch",
        "4",
        "--seconds",
        "0.5",
        "--batch",
        "4",
        "--device",
        "cpu",
        "--pieces",
    ]
    steps = checkpoint.read_state(out / "pieces")["step"]
    assert command.main([*again, "--shape", '{"size": 48}']) == 0  # the weights suit any size
    assert json.loads(checkpoint.read_state(out / "pieces")["shape"])["size"] == 48
    assert checkpoint.read_state(out / "pieces")["step"] > steps
    scores = tmp_path / "scores.json"
    given = ["--data", str(data), "--checkpoint", str(out / "pieces")]
    assert command.main(["evaluate", *given, "--objects", "1", "--json", str(scores)]) == 0
    assert command.main(["export", *given, "--scores", str(scores), "--to", str(weights)]) == 0
    assert "sha256" in capsys.readouterr().out
    assert read_weights(weights).shape == replace(TINY, size=48)
    assert "Ball by B" in weights.with_name("CREDITS.md").read_text()
    assert set(json.loads(scores.read_text())) == {"objects", "fscore", "chamfer", "normals", "seconds"}
