"""The depth network against what the reference code computes, and with one property broken at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.depth import net as depth_net
from img2model_desktop.engines.depth.net import DepthNet, published
from img2model_desktop.engines.device import lower
from img2model_desktop.engines.weights.sets import find
from img2model_desktop.errors import Cancelled
from tests.engines.depth.depth_folder import TINY
from tests.engines.golden import CLOSE, error, filled, golden, keys_of, rms
from tests.published import facts_of, published_bytes

ARRAYS = golden("depth_anything_tiny")
PICTURE = torch.from_numpy(ARRAYS["x"])


def net() -> DepthNet:
    return filled(DepthNet(TINY))


def test_depth_is_the_published_one() -> None:
    assert error(net()(PICTURE), ARRAYS["depth"]) <= CLOSE


def without_layer_scale(whole: DepthNet) -> None:
    for name, tensor in whole.state_dict().items():
        if name.endswith("lambda1"):
            tensor.fill_(1.0)


def without_class_position(whole: DepthNet) -> None:
    whole.backbone.get_submodule("embeddings").get_parameter("position_embeddings").data[:, 0] = 0


def levels_swapped(whole: DepthNet) -> None:
    layers = whole.neck.fusion_stage.layers
    layers[1], layers[2] = layers[2], layers[1]


def residuals_swapped(whole: DepthNet) -> None:
    layer = whole.neck.fusion_stage.layers[1]
    layer.residual_layer1, layer.residual_layer2 = layer.residual_layer2, layer.residual_layer1


def last_norm_missing(whole: DepthNet) -> None:
    whole.backbone.layernorm = torch.nn.Identity()


def queries_are_keys(whole: DepthNet) -> None:
    attention = whole.backbone.get_submodule("encoder.layer.0.attention.attention")
    attention.query, attention.key = attention.key, attention.query


@pytest.mark.parametrize(
    "broken",
    [
        without_layer_scale,
        without_class_position,
        levels_swapped,
        residuals_swapped,
        last_norm_missing,
        queries_are_keys,
    ],
    ids=lambda broken: broken.__name__,
)
def test_a_broken_property_is_seen(broken: Callable[[DepthNet], None]) -> None:
    whole = net()
    broken(whole)
    assert error(whole(PICTURE), ARRAYS["depth"]) > 10 * CLOSE


def test_maps_are_enlarged_corner_on_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_area(level: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return F.interpolate(level, size=size, mode="bilinear", align_corners=False)

    monkeypatch.setattr(depth_net, "enlarged", by_area)
    assert error(net()(PICTURE), ARRAYS["depth"]) > 10 * CLOSE


def test_the_deepest_level_has_a_residual_that_is_never_used() -> None:
    whole = net()
    for tensor in whole.neck.fusion_stage.layers[0].residual_layer1.parameters():
        tensor.data.fill_(torch.nan)
    assert error(whole(PICTURE), ARRAYS["depth"]) <= CLOSE


def test_in_bfloat16_it_says_nearly_the_same() -> None:
    whole = net()
    lower(whole.backbone, torch.bfloat16)
    found = whole(PICTURE)
    assert found.dtype == torch.float32
    assert 0 < rms(found, torch.from_numpy(ARRAYS["depth"])) <= 2e-2


def test_names_and_shapes_are_the_published_ones() -> None:
    whole = published()
    assert len(whole.state_dict()) == 287
    assert sum(tensor.numel() for tensor in whole.state_dict().values()) == 24_785_089
    assert keys_of(whole) == "27944a2478987544b77d6f84d4c3bb4c0251158ede6e7870db40ad9d193a025b"


def test_names_and_shapes_are_those_of_the_manifest(shared_models: Path) -> None:
    text = (shared_models / "keys" / "depth_anything_v2_small_hf.tsv").read_text()
    listed = sorted(line for line in text.splitlines() if line and not line.startswith("#"))
    state = published().state_dict()
    assert sorted(f"{name}\tF32\t{'x'.join(map(str, one.shape))}" for name, one in state.items()) == listed


def test_a_file_of_it_is_as_long_as_the_published_one() -> None:
    assert published_bytes(facts_of(published())) == 99_173_660 == find("depth-small").files[0].bytes


def test_it_can_be_cancelled_before_each_layer() -> None:
    asked = []

    def is_cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        net().features_of(PICTURE, Progress(is_cancelled=is_cancelled))
    assert len(asked) == 3
