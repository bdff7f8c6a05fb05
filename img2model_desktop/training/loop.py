"""The training loop: it runs for a number of seconds, goes on from a checkpoint, and writes its curves."""

import copy
import csv
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from img2model_desktop.engines.twin.net import NetShape, Prediction, TwinNet, build, network_input
from img2model_desktop.training.augment import augmented
from img2model_desktop.training.checkpoint import save_whole
from img2model_desktop.training.losses import Weights, hit_share, terms
from img2model_desktop.training.pool import Pool
from img2model_desktop.training.views import Views


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Args:
        seconds: how long it trains; the learning rate falls to `last_rate` of its peak by then.
        batch: views a step.
        rate: peak learning rate.
        last_rate: share of it at the end.
        warm_up: steps until the peak.
        fresh: new views that replace the oldest of the last pool at each step, where a stream of them is given.
        decay: of the weights.
        average: of the moving average of the weights that is evaluated and shipped.
        seed: of weights, order and augmentation.
        threads: of the processor.
    """

    seconds: float = 540.0
    batch: int = 32
    rate: float = 6e-4
    last_rate: float = 0.02
    warm_up: int = 200
    fresh: int = 24
    decay: float = 0.02
    average: float = 0.999
    seed: int = 0
    threads: int = 1
    weights: Weights = field(default_factory=Weights)


class Trainer:
    """A network, its optimiser, its moving average and how far they are.

    Args:
        shape: of the network.
        plan: of this run.
        pools: views to draw from, and how often each is drawn from.
        device: where the network lives.
        stream: new views without end, for the last pool; without it the pools stay as they are.
    """

    def __init__(
        self,
        shape: NetShape,
        plan: Plan,
        pools: Sequence[tuple[Pool, float]],
        device: torch.device,
        stream: Iterator[Views] | None = None,
    ) -> None:
        self.plan = plan
        self.device = device
        self.pools = pools
        self.stream = stream
        self.owed, self.oldest = 0, 0
        self.net = build(shape, plan.seed).to(device)
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.net, plan.decay), lr=plan.rate, betas=(0.9, 0.98))
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.step = 0
        self.cold = 0  # step at which the optimiser knew nothing: the rate warms up from there
        self.samples = 0
        self.trained_s = 0.0

    def next_batch(self) -> Views:
        """Augmented views for one step."""
        self._renew()
        weights = torch.tensor([weight for _, weight in self.pools])
        which = torch.multinomial(weights, self.plan.batch, replacement=True, generator=self.generator)
        parts = []
        for k, (pool, _) in enumerate(self.pools):
            count = int((which == k).sum())
            if count:
                index = torch.randint(0, len(pool), (count,), generator=self.generator).sort().values
                parts.append(pool.batch(index.to(pool.camera.device), self.device))
        views = Views(*(torch.cat([getattr(p, name) for p in parts]) for name in Views.__slots__))
        return augmented(views, self.generator)

    def _renew(self) -> None:
        """Takes new views in; their batches are larger or smaller than what a step is due."""
        if self.stream is None:
            return
        self.owed += self.plan.fresh
        while self.owed > 0:
            views = next(self.stream)
            self.oldest = self.pools[-1][0].renew(self.oldest, views)
            self.owed -= len(views.camera)

    def advance(self, progress: float) -> dict[str, float]:
        """One step at a share 0..1 of this run's time; returns the parts of the loss."""
        self.net.train()
        rate = self.plan.rate * _schedule(progress, self.step - self.cold, self.plan)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        views = self.next_batch()
        parts = terms(predict(self.net, views.image), views, self.plan.weights)
        loss = torch.stack(list(parts.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch states none
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.samples += len(views.image)
        self._follow()
        out = {name: float(value.detach()) for name, value in parts.items()}
        return {**out, "loss": float(loss.detach()), "rate": rate, "gradient": float(norm)}

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(self.plan.average, self.step / (self.step + 20))
        for slow, fast in zip(self.average.parameters(), self.net.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to take the same next step."""
        return {
            "shape": self.net.shape.to_text(),
            "plan": asdict(self.plan),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "samples": self.samples,
            "trained_s": self.trained_s,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` said."""
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        if "generator" in state:  # shipped weights have none
            self.generator.set_state(state["generator"])
        self.step, self.samples = int(state["step"]), int(state["samples"])
        self.trained_s = float(state["trained_s"])
        if "optimiser" in state:  # a small checkpoint has none
            self.optimiser.load_state_dict(state["optimiser"])
        else:
            self.cold = self.step


def _groups(net: TwinNet, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only."""
    wide = [p for p in net.parameters() if p.ndim > 1]
    narrow = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": wide, "weight_decay": decay}, {"params": narrow, "weight_decay": 0.0}]


def _schedule(progress: float, step: int, plan: Plan) -> float:
    """Share of the peak rate: a linear warm-up, then half a cosine over the run's time."""
    fall = plan.last_rate + (1 - plan.last_rate) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return min(1.0, (step + 1) / plan.warm_up) * fall


def predict(net: TwinNet, image: Tensor) -> Prediction:
    """The network on a batch of pictures, its convolutions in bfloat16."""
    with torch.autocast(image.device.type, torch.bfloat16):
        guess: Prediction = net(network_input(image))
    return guess


@torch.no_grad()
def validate(net: TwinNet, pool: Pool, device: torch.device, batch: int = 32) -> dict[str, float]:
    """Means over a pool: share of depths within 0.1 and 0.05, and the unweighted loss."""
    totals: dict[str, float] = {}
    for begin in range(0, len(pool), batch):
        index = torch.arange(begin, min(begin + batch, len(pool)))
        views = pool.batch(index.to(pool.camera.device), device)
        guess = predict(net, views.image)
        values = {name: float(value) for name, value in terms(guess, views, Weights()).items()}
        values["hit_0.1"] = float(hit_share(guess, views).mean())
        values["hit_0.05"] = float(hit_share(guess, views, 0.05).mean())
        for name, value in values.items():
            totals[name] = totals.get(name, 0.0) + value * len(index) / len(pool)
    return totals


def run(
    trainer: Trainer, check: Pool | None, folder: Path, every: int = 250, report: Callable[[str], None] = lambda _: None
) -> None:
    """Trains for the plan's seconds; writes `curves.csv` and `checkpoint.pt` into `folder` as it goes."""
    torch.set_num_threads(trainer.plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    begun, last = time.monotonic(), trainer.trained_s
    mean: dict[str, float] = {}
    while (spent := time.monotonic() - begun) < trainer.plan.seconds:
        values = trainer.advance(spent / trainer.plan.seconds)
        trainer.trained_s = last + time.monotonic() - begun
        mean = {name: 0.98 * mean.get(name, value) + 0.02 * value for name, value in values.items()}
        if trainer.step % every == 0:
            checked = validate(trainer.average, check, trainer.device) if check else {}
            _note(folder / "curves.csv", trainer, mean, checked)
            report(_line(trainer, mean, checked))
            save_whole(folder / "checkpoint.pt", trainer.state())
    save_whole(folder / "checkpoint.pt", trainer.state())


def _line(trainer: Trainer, mean: dict[str, float], checked: dict[str, float]) -> str:
    parts = " ".join(f"{name} {value:.4f}" for name, value in mean.items() if name not in ("rate", "gradient"))
    held = " ".join(f"{name} {value:.3f}" for name, value in checked.items() if name.startswith(("hit_", "depth")))
    return f"step {trainer.step} samples {trainer.samples} {trainer.trained_s:.0f} s | {parts} | held out: {held}"


def _note(path: Path, trainer: Trainer, mean: dict[str, float], checked: dict[str, float]) -> None:
    row = {"step": trainer.step, "samples": trainer.samples, "seconds": round(trainer.trained_s, 1)}
    row |= {f"train_{name}": value for name, value in mean.items()}
    row |= {f"held_{name}": value for name, value in checked.items()}
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
