"""The sampler of straight flows against what the published code computes, and with one property broken at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks import flow as flows
from img2model_desktop.engines.networks.flow import (
    HUNYUAN,
    TRELLIS,
    TRIPOSG,
    Convention,
    Guidance,
    flow,
    noise,
    times_of,
)
from img2model_desktop.errors import Cancelled
from tests.engines.golden import CLOSE, config_of, error, golden

CPU = torch.device("cpu")
RUNS = ("t2_ss", "t2_shape", "t2_tex", "t1")


class Toy:
    """The network of the fixture, which writes down every time that it is told."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.weight, self.condition = (torch.from_numpy(arrays[name]) for name in ("A", "c"))
        self.times: list[float] = []

    def __call__(self, x: Tensor, time: Tensor, seen: bool) -> Tensor:
        assert time.dtype == torch.float32
        assert time.shape == (len(x),)
        self.times.append(float(time[0]))
        shift = self.condition if seen else torch.zeros_like(self.condition)
        return torch.tanh(x @ self.weight.T + shift) * (0.5 + time.view(-1, 1, 1) / 1000) + 0.3 * x


def guidance_of(run: str) -> tuple[int, float, Guidance]:
    """Steps, shift and guidance of a run of the fixture; v1 counts its strength from what is not guided."""
    said = config_of(golden("trellis_samplers"))[run]
    scale = said["guidance"] if "guidance" in said else said["cfg"] + 1
    low, high = said["interval"]
    return said["steps"], said["rescale_t"], Guidance(scale, (low, high), said.get("rescale", 0.0))


def ran(
    run: str, convention: Convention = TRELLIS, change: Callable[[Guidance], Guidance] = lambda same: same
) -> tuple[float, bool]:
    """Error of a run of the fixture, and whether the network was asked at the same times."""
    arrays = golden("trellis_samplers")
    steps, shift, guidance = guidance_of(run)
    toy = Toy(arrays)
    x = torch.from_numpy(arrays["x"])
    found = flow(toy, x, times_of(steps, shift, convention), change(guidance), convention, Progress())
    return error(found, arrays[run]), toy.times == arrays[f"{run}_times"].tolist()


@pytest.mark.parametrize("run", RUNS)
def test_trellis_is_the_published_one(run: str) -> None:
    found, is_same_times = ran(run)
    assert is_same_times
    assert found <= CLOSE


def test_numbers_of_calls_are_those_of_the_published_code() -> None:
    assert [len(golden("trellis_samplers")[f"{run}_times"]) for run in RUNS] == [22, 21, 12, 20]


@pytest.mark.parametrize("run", RUNS)
def test_the_other_sign_is_told_apart(run: str) -> None:
    assert ran(run, replace(TRELLIS, towards_data=True))[0] > 1000 * CLOSE


@pytest.mark.parametrize("run", ["t2_ss", "t2_shape", "t1"])
def test_another_interval_is_told_apart(run: str) -> None:
    found, is_same_times = ran(run, change=lambda usual: replace(usual, interval=(0.0, 1.0)))
    assert not is_same_times
    assert found > CLOSE


@pytest.mark.parametrize(("run", "interval"), [("t2_shape", (np.nextafter(0.6, 1), 1.0)), ("t2_ss", (0.6, 0.999))])
def test_both_ends_of_the_interval_are_guided(run: str, interval: tuple[float, float]) -> None:
    assert not ran(run, change=lambda usual: replace(usual, interval=interval))[1]


@pytest.mark.parametrize("run", ["t2_ss", "t2_shape"])
@pytest.mark.parametrize("rescale", [0.0, 0.6])
def test_another_rescale_is_told_apart(run: str, rescale: float) -> None:
    assert ran(run, change=lambda usual: replace(usual, rescale=rescale))[0] > CLOSE


def test_the_strength_of_the_first_generation_counts_from_the_condition() -> None:
    assert ran("t1", change=lambda usual: replace(usual, scale=usual.scale - 1))[0] > CLOSE


def test_noise_left_in_the_data_is_told_apart() -> None:
    assert ran("t2_ss", replace(TRELLIS, sigma_min=1e-2))[0] > CLOSE


def triposg(convention: Convention = TRIPOSG, shift: float = 1.0) -> list[Tensor]:
    """x before each step and after the last."""
    arrays = golden("triposg_scheduler")
    seen = []

    def model(x: Tensor, time: Tensor, is_seen: bool) -> Tensor:
        assert is_seen
        seen.append(x)
        return torch.sin(x) + time.view(-1, 1, 1) / 1000

    times = times_of(config_of(arrays)["steps"], shift, convention)
    last = flow(model, torch.from_numpy(arrays["x"][0]), times, Guidance(), convention, Progress())
    return [*seen, last]


def test_the_schedule_of_triposg_is_the_published_one() -> None:
    arrays = golden("triposg_scheduler")
    times = times_of(config_of(arrays)["steps"], config_of(arrays)["shift"], TRIPOSG)
    assert np.array_equal(np.float32(times), arrays["sigmas"])
    assert all(float(np.float32(t)) == t for t in times)
    assert np.array_equal(np.float32([flows.told(t, TRIPOSG) for t in times[:-1]]), arrays["timesteps"])


def test_triposg_is_the_published_one_at_every_step() -> None:
    wanted = golden("triposg_scheduler")["x"]
    found = triposg()
    assert len(found) == len(wanted)
    assert max(error(one, other) for one, other in zip(found, wanted, strict=True)) <= CLOSE


@pytest.mark.parametrize(
    ("convention", "shift"),
    [(replace(TRIPOSG, towards_data=False), 1.0), (TRIPOSG, 3.0), (replace(TRIPOSG, rising=True), 1.0)],
    ids=["sign", "shift", "time"],
)
def test_another_triposg_is_told_apart(convention: Convention, shift: float) -> None:
    assert error(triposg(convention, shift)[-1], golden("triposg_scheduler")["x"][-1]) > CLOSE


def test_hunyuan_is_told_how_much_is_data_and_no_step_without_length_is_taken() -> None:
    told: list[float] = []

    def model(x: Tensor, time: Tensor, is_seen: bool) -> Tensor:
        told.append(float(time[0]))
        return torch.ones_like(x)

    times = times_of(5, 1.0, HUNYUAN)
    assert torch.equal(flow(model, torch.zeros(2, 3), times, Guidance(), HUNYUAN, Progress()), torch.ones(2, 3))
    assert told == [0.0, 0.25, 0.5, 0.75]


def test_guidance_goes_on_beyond_the_condition() -> None:
    def model(x: Tensor, time: Tensor, is_seen: bool) -> Tensor:
        return torch.full_like(x, 3.0 if is_seen else 1.0)

    x = flow(model, torch.zeros(1, 2), (1.0, 0.0), Guidance(5.0), HUNYUAN, Progress())
    assert x.tolist() == [[1 + 5 * (3 - 1)] * 2]


def test_a_seed_means_the_same_everywhere() -> None:
    one, other = noise((2, 3), 7, CPU), noise((2, 3), 7, CPU)
    assert torch.equal(one, other)
    assert not torch.equal(one, noise((2, 3), 8, CPU))
    state = torch.get_rng_state()
    noise((2, 3), 7, CPU)
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's numbers change
    assert torch.equal(one, torch.randn(2, 3, generator=torch.Generator().manual_seed(7)))


def test_it_starts_over_alike_and_leaves_the_noise() -> None:
    start = noise((1, 5, 6), 3, CPU)
    before = start.clone()
    toy = Toy(golden("trellis_samplers"))
    times = times_of(4, 3.0, TRELLIS)
    results = [flow(toy, start, times, Guidance(7.5, (0.5, 1.0), 0.7), TRELLIS, Progress()) for _ in range(2)]
    assert torch.equal(*results)
    assert torch.equal(start, before)
    assert not results[0].is_inference()


def test_it_reports_and_stops_at_every_call() -> None:
    stop_at = [6]

    def is_cancelled() -> bool:
        stop_at[0] -= 1
        return stop_at[0] < 0

    toy = Toy(golden("trellis_samplers"))
    with pytest.raises(Cancelled):
        flow(
            toy,
            noise((1, 5, 6), 3, CPU),
            times_of(8, 1.0, TRELLIS),
            Guidance(2.0),
            TRELLIS,
            Progress(is_cancelled=is_cancelled),
        )
    assert len(toy.times) == 6  # three steps of two calls
    whole: list[float] = []
    flow(toy, noise((1, 5, 6), 3, CPU), times_of(2, 1.0, TRELLIS), Guidance(), TRELLIS, Progress(whole.append))
    assert whole[-1] == 1.0


@pytest.mark.parametrize(("steps", "convention"), [(0, TRELLIS), (-1, TRIPOSG), (1, HUNYUAN)])
def test_too_few_steps_are_refused(steps: int, convention: Convention) -> None:
    with pytest.raises(ValueError, match="steps"):
        times_of(steps, 1.0, convention)
