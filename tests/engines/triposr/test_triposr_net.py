"""TripoSR's networks against what the reference code computes, and with one property broken at a time."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.triposr import net as triposr_net
from img2model_desktop.engines.triposr.net import PLANES, RADIUS, Field, TripoNet, published
from img2model_desktop.errors import Cancelled
from tests.engines.golden import CLOSE, config_of, error, filled, golden, keys_of, rms
from tests.engines.triposr.triposr_folder import TINY

ARRAYS = golden("triposr_tiny")
PICTURE = torch.from_numpy(ARRAYS["image"])[0]
POINTS = torch.from_numpy(ARRAYS["points"])


def net(by_scale: bool = True) -> TripoNet:
    return filled(TripoNet(TINY, by_scale))


def lower(whole: TripoNet) -> None:
    for name in whole.lowered():
        parameter = whole.get_parameter(name)
        parameter.data = parameter.data.bfloat16()


def planes(whole: TripoNet) -> torch.Tensor:
    return whole.planes_of(whole.tokens_of(PICTURE))


def by_definition(points: torch.Tensor, maps: torch.Tensor, layers: nn.ModuleList) -> torch.Tensor:
    """The field as the paper has it: features of each point from three planes, then every layer."""
    at = (points / RADIUS)[None, None]
    read = [
        F.grid_sample(plane[None], at[..., list(axes)], mode="bilinear", padding_mode="zeros", align_corners=False)
        for plane, axes in zip(maps, PLANES, strict=True)
    ]
    x = torch.cat(read, 1)[0, :, 0].t()
    for layer in layers:
        x = layer(x)
    return x


@pytest.mark.parametrize(("by_scale", "rule"), [(True, "legacy"), (False, "new")])
def test_picture_tokens_are_the_published_ones(by_scale: bool, rule: str) -> None:
    found = net(by_scale).tokens_of(PICTURE).transpose(1, 2)
    assert error(found, ARRAYS[f"image_tokens_{rule}_pos"]) <= CLOSE
    other = "new" if rule == "legacy" else "legacy"
    assert error(found, ARRAYS[f"image_tokens_{other}_pos"]) > CLOSE


def test_planes_are_the_published_ones_by_the_rule_it_was_trained_with() -> None:
    whole = net()
    start = whole.tokenizer.get_parameter("embeddings").transpose(0, 1).flatten(1)[None]
    assert error(whole.backbone(start, whole.tokens_of(PICTURE)), ARRAYS["backbone"]) <= CLOSE
    assert error(planes(whole), ARRAYS["triplane"]) <= CLOSE
    assert error(planes(net(by_scale=False)), ARRAYS["triplane"]) > CLOSE


def test_field_is_the_published_one() -> None:
    whole = net()
    field = Field(planes(whole)[0], whole.decoder)
    assert error(field.density(POINTS), ARRAYS["density_act"][:, 0]) <= CLOSE
    assert error(field.colour(POINTS), ARRAYS["color"]) <= CLOSE


def test_field_with_its_first_layer_folded_is_the_field_by_definition_everywhere() -> None:
    whole = net()
    maps = planes(whole)[0]
    points = (torch.rand(4000, 3, generator=torch.Generator().manual_seed(1)) - 0.5) * 2.4  # some beyond the planes
    corners = torch.cartesian_prod(*[torch.tensor([-RADIUS, 0.0, RADIUS])] * 3)
    every = torch.cat([points, corners])
    found, wanted = Field(maps, whole.decoder).read(every), by_definition(every, maps, whole.decoder.layers)
    assert float((found - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())


def rendered(field: Field) -> torch.Tensor:
    """The fixture's view: 32 samples along each ray through the cube, front to back, before white."""
    origin, way = (torch.from_numpy(ARRAYS[name]).reshape(-1, 3) for name in ("rays_o", "rays_d"))
    config = config_of(ARRAYS)["cfg"]["renderer"]
    steps, half = int(config["num_samples_per_ray"]), RADIUS * (1 - 1e-3)
    safe = torch.where(way.abs() < 1e-6, torch.full_like(way, 1e-6), way)
    one, other = (half - origin) / safe, (-half - origin) / safe
    near = torch.minimum(one, other).amax(1).clamp_min(0.0)
    far = torch.maximum(one, other).amin(1)
    hit = far - near > 0.01
    near, far = near * hit, far * hit
    share = torch.linspace(0, 1, steps + 1)
    middle = near[:, None] + (far - near)[:, None] * (share[:-1] + share[1:]) / 2
    points = (origin[:, None] + way[:, None] * middle[..., None]).reshape(-1, 3)
    density = field.density(points).view(-1, steps)
    colour = field.colour(points).view(-1, steps, 3)
    alpha = 1 - torch.exp(-density / steps)  # a ray's way through the cube counts as 1, however long it is
    passed = torch.cumprod(torch.cat([torch.ones(len(alpha), 1), 1 - alpha[:, :-1]], 1), 1)
    weight = alpha * passed
    seen = (weight[..., None] * colour).sum(1) + (1 - weight.sum(1, keepdim=True))
    return torch.where(hit[:, None], seen, torch.ones(3))


def test_one_view_of_it_is_the_published_one() -> None:
    whole = net()
    field = Field(planes(whole)[0], whole.decoder)
    assert error(rendered(field).view(8, 8, 3), ARRAYS["render_rgb"]) <= 1e-4


def swap_queries_and_keys(whole: TripoNet) -> None:
    block = whole.backbone.transformer_blocks[0].attn1
    block.to_q, block.to_k = block.to_k, block.to_q


def swap_gate(whole: TripoNet) -> None:
    layer = whole.backbone.transformer_blocks[1].get_submodule("ff.net.0.proj")
    layer.weight.data = layer.weight.data.roll(len(layer.weight) // 2, 0)


def normalise_other_axis(whole: TripoNet) -> None:
    norm = whole.backbone.norm
    weight, bias = norm.weight, norm.bias

    def wrong(x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x.transpose(1, 2), (x.shape[1],), weight, bias, 1e-6).transpose(1, 2)

    norm.forward = wrong  # type: ignore[method-assign]  # on purpose


def roll_planes(whole: TripoNet) -> None:
    table = whole.tokenizer.get_parameter("embeddings")
    table.data = table.data.roll(1, 0)


@pytest.mark.parametrize("broken", [swap_queries_and_keys, swap_gate, normalise_other_axis, roll_planes])
def test_another_backbone_is_told_apart(broken: Callable[[TripoNet], None]) -> None:
    whole = net()
    broken(whole)
    assert error(planes(whole), ARRAYS["triplane"]) > 100 * CLOSE


@pytest.mark.parametrize("axes", [((1, 0), (0, 2), (1, 2)), ((0, 1), (1, 2), (0, 2))])
def test_another_order_of_planes_is_told_apart(
    axes: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triposr_net, "PLANES", axes)
    whole = net()
    assert error(Field(planes(whole)[0], whole.decoder).density(POINTS), ARRAYS["density_act"][:, 0]) > 100 * CLOSE


def test_another_alignment_of_texels_is_told_apart() -> None:
    whole = net()
    squeezed = POINTS * (8 - 1) / 8  # what align_corners=True would read
    assert error(Field(planes(whole)[0], whole.decoder).colour(squeezed), ARRAYS["color"]) > 100 * CLOSE


def test_half_precision_of_the_transformers_changes_the_planes_little() -> None:
    whole = net()
    wanted = planes(whole)
    lower(whole)
    assert whole.backbone.proj_in.weight.dtype == torch.bfloat16
    assert whole.backbone.norm.weight.dtype == torch.float32
    found = planes(whole)
    assert found.dtype == torch.float32
    assert 1e-5 < rms(found, wanted) <= 1e-2


def test_the_field_is_computed_in_single_precision_whatever_the_transformers_are() -> None:
    whole = net()
    maps = planes(whole)[0]
    wanted = Field(maps, whole.decoder).read(POINTS)
    lower(whole)
    assert rms(Field(maps, whole.decoder).read(POINTS), wanted) == 0.0


def test_a_run_can_be_cancelled_four_times_in_each_block() -> None:
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 7

    whole = net()
    tokens = whole.tokens_of(PICTURE)
    with pytest.raises(Cancelled):
        whole.planes_of(tokens, Progress(is_cancelled=stop))
    assert len(asked) == 7
    calls = [0]

    def never() -> bool:
        calls[0] += 1
        return False

    whole.planes_of(tokens, Progress(is_cancelled=never))
    assert calls[0] == 4 * TINY.layers


def test_published_names_and_shapes() -> None:
    whole = published()
    state = whole.state_dict()
    assert all(tensor.is_meta for tensor in state.values())
    assert len(state) == 549
    assert sum(tensor.numel() for tensor in state.values()) == 419_275_628
    assert keys_of(whole) == "d8dfd1809978938399e6523a9dec824e613c19d3e1279caee76fff603f1ac134"
    assert np.prod(state["tokenizer.embeddings"].shape) == 3 * 1024 * 32 * 32
