"""The vision transformers against what the reference code computes, and with one property broken at a time."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks import vit
from img2model_desktop.engines.networks.vit import DINOV2_L14, DINOV3_L16, Family, VisionTransformer, VitShape, resized
from img2model_desktop.errors import Cancelled
from tests.engines.golden import CLOSE, error, filled, golden, keys_of

TINY2 = VitShape(Family.DINOV2, 48, 3, 4, 192, 14, 1e-6, table=9)
TINY3 = VitShape(Family.DINOV3, 64, 3, 4, 128, 16, 1e-5, registers=4)


def tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(array)


@pytest.mark.parametrize("size", ["native", "small"])
def test_dinov2_is_the_published_one(size: str) -> None:
    arrays = golden("dinov2_tiny")
    assert error(filled(VisionTransformer(TINY2))(tensor(arrays[f"x_{size}"])), arrays[f"y_{size}"]) <= CLOSE


def test_dinov3_is_the_published_one() -> None:
    arrays = golden("dinov3_tiny")
    net = filled(VisionTransformer(TINY3))
    image = tensor(arrays["x"])
    assert error(net(image), arrays["last_hidden_state"]) <= CLOSE
    last = net.features(image, (3,))[0]
    assert error(F.layer_norm(last, (64,), eps=1e-5), arrays["trellis_cond"]) <= CLOSE


@pytest.mark.parametrize("leaf", ["attention.attention.query.weight", "layer_scale1.lambda1", "mlp.fc2.bias"])
def test_another_dinov2_is_told_apart(leaf: str) -> None:
    arrays = golden("dinov2_tiny")
    net = filled(VisionTransformer(TINY2))
    with torch.no_grad():
        net.get_parameter(f"encoder.layer.1.{leaf}").mul_(1.01)
    assert error(net(tensor(arrays["x_native"])), arrays["y_native"]) > CLOSE


def test_positions_stretched_by_the_other_rule_are_told_apart() -> None:
    arrays = golden("dinov2_tiny")
    net = filled(VisionTransformer(TINY2, by_scale=True))
    assert error(net(tensor(arrays["x_native"])), arrays["y_native"]) <= CLOSE  # nothing to stretch
    assert error(net(tensor(arrays["x_small"])), arrays["y_small"]) > CLOSE


def test_rotary_positions_in_another_order_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = golden("dinov3_tiny")
    net = filled(VisionTransformer(TINY3))
    right = vit._turns

    def columns_first(rows: int, columns: int, head: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        swapped = right(columns, rows, head, device)
        turned = [part.view(columns, rows, head).transpose(0, 1).reshape(-1, head) for part in swapped]
        return turned[0], turned[1]

    monkeypatch.setattr(vit, "_turns", columns_first)
    assert error(net(tensor(arrays["x"])), arrays["last_hidden_state"]) > 100 * CLOSE


def test_features_are_those_of_the_whole_run() -> None:
    net = filled(VisionTransformer(TINY2))
    image = tensor(golden("dinov2_tiny")["x_small"])
    first, last = net.features(image, (1, 3))
    assert torch.equal(net.features(image, (1,))[0], first)
    assert torch.equal(net.normed(last), net(image))
    assert not torch.equal(first, last)


def test_linear_layers_in_half_precision_change_little() -> None:
    net = filled(VisionTransformer(TINY2))
    image = tensor(golden("dinov2_tiny")["x_native"])
    wanted = net(image)
    for module in net.modules():
        if isinstance(module, torch.nn.Linear):
            module.to(torch.bfloat16)
    found = net(image)
    assert found.dtype == torch.float32
    assert 1e-5 < float((found - wanted).pow(2).mean().sqrt() / wanted.pow(2).mean().sqrt()) < 1e-2


@pytest.mark.parametrize(("asking", "answering"), [(5, 3), (vit.ROWS, vit.ROWS), (2 * vit.ROWS + 7, 300)])
def test_attention_in_rows_is_attention(asking: int, answering: int) -> None:
    """Of several pictures and heads, with queries that do not fill the last rows."""
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(2, n, 24, generator=generator).bfloat16() for n in (asking, answering, answering))
    exact = vit.attend(q.float(), k.float(), v.float(), 3)
    found = vit.attend(q, k, v, 3)
    assert found.dtype == torch.bfloat16
    assert found.shape == exact.shape
    assert float((found.float() - exact).pow(2).mean().sqrt() / exact.pow(2).mean().sqrt()) < 6e-3
    assert torch.equal(vit.attend(q[:1], k[:1], v[:1], 3), found[:1])


def test_a_run_can_be_cancelled_before_each_layer() -> None:
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 3

    net = filled(VisionTransformer(TINY2))
    with pytest.raises(Cancelled):
        net(tensor(golden("dinov2_tiny")["x_small"]), Progress(is_cancelled=stop))
    assert len(asked) == 3


def test_a_constant_table_stays_constant_by_either_rule() -> None:
    table = torch.full((1, 81, 2), 3.0)
    for by_scale in (False, True):
        grid = resized(table, 9, 5, 14, by_scale)
        assert grid.shape == (1, 70, 2)
        assert float((grid - 3).abs().max()) < 1e-5
    assert resized(table, 9, 9, 9, True) is table


@pytest.mark.parametrize(
    ("shape", "tensors", "parameters", "digest"),
    [
        (DINOV2_L14, 439, 304_368_640, "2f11ab7c7d793c3bcb07ffd005143f22ffa35c1f311163f9723f930f0a65472a"),
        (DINOV3_L16, 415, 303_129_600, "c505c2651c39b7d63fc3b3b38ae0649ab7d05fcf9e7ddace2abc0ce70531dadf"),
    ],
    ids=["DINOv2 L", "DINOv3 L"],
)
def test_published_names_and_shapes(shape: VitShape, tensors: int, parameters: int, digest: str) -> None:
    with torch.device("meta"):
        net = VisionTransformer(shape)
    state = net.state_dict()
    assert len(state) == tensors
    assert sum(value.numel() for value in state.values()) == parameters
    assert keys_of(net) == digest
    with torch.device("meta"):
        other = VisionTransformer(replace(shape, mlp=shape.mlp + 1))
    assert keys_of(other) != digest
