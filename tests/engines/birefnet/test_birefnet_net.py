"""BiRefNet's networks against published names, published sizes and stored results of the reference code."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.birefnet import deformable, swin
from img2model_desktop.engines.birefnet import net as birefnet_net
from img2model_desktop.engines.birefnet.deformable import ModulatedDeformable
from img2model_desktop.engines.birefnet.net import BiRefNet, published, published_lite, tiles
from img2model_desktop.engines.weights import sets
from tests.engines import golden
from tests.engines.birefnet.birefnet_folder import lite
from tests.engines.birefnet.definitions import by_definition

BYTES = {"F32": 4, "F16": 2, "I64": 8}

BOTH = pytest.mark.parametrize(
    ("build", "key", "table", "digest", "count", "kind"),
    [
        (
            published_lite,
            "birefnet-lite",
            "birefnet_lite",
            "73f92bcc6d2da135adfb0044b1b82e01dba24d1d7fd3a2a6bc1b269685e552aa",
            574,
            "F32",
        ),
        (
            published,
            "birefnet",
            "birefnet",
            "eb1bb9bc0d068e6be5e12f63b8926d438e34e8d98318d29194fd53cc2a0ace7c",
            742,
            "F16",
        ),
    ],
    ids=["lite", "large"],
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small pictures gain nothing from more, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> BiRefNet:
    """BiRefNet_lite with the fixtures' weights."""
    return lite()


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.from_numpy(golden.golden("birefnet_lite_input")["x"])


def stored(name: str = "logits") -> np.ndarray:
    return np.asarray(golden.golden("birefnet_lite_logits")[name])


def error(net: BiRefNet, picture: Tensor, name: str = "logits") -> float:
    """Largest difference, as a share of the largest value."""
    return golden.error(net(picture, Progress()), stored(name))


# -- names, shapes, bytes -----------------------------------------------------------------------------------


def line(name: str, kind: str, shape: str) -> str:
    return f"{name} {kind} {shape}\n"


def described(name: str, tensor: Tensor) -> str:
    kind = "float" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
    return line(name, kind, "x".join(map(str, tensor.shape)) or "scalar")


@BOTH
def test_names_and_shapes_are_the_published_ones(
    build: Callable[[], BiRefNet], key: str, table: str, digest: str, count: int, kind: str
) -> None:
    state = build().state_dict()
    assert all(tensor.is_meta for tensor in state.values())
    assert len(state) == count
    text = "".join(sorted(described(name, tensor) for name, tensor in state.items()))
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@BOTH
def test_names_and_shapes_are_those_of_the_table(
    build: Callable[[], BiRefNet], key: str, table: str, digest: str, count: int, kind: str, shared_models: Path
) -> None:
    text = (shared_models / "keys" / f"{table}.tsv").read_text(encoding="utf-8")
    rows = [row.split("\t") for row in text.splitlines() if not row.startswith("#")]
    unused = sets.find(key).unused
    there = {line(name, "int64" if own == "I64" else "float", shape) for name, own, shape in rows}
    needless = {line(name, "float", shape) for name, _, shape in rows if name.startswith(unused)}
    assert len(needless) == 12
    assert {described(name, tensor) for name, tensor in build().state_dict().items()} == there - needless


@BOTH
def test_a_file_of_it_has_the_published_size(
    build: Callable[[], BiRefNet], key: str, table: str, digest: str, count: int, kind: str
) -> None:
    shapes = {
        name: ("I64" if tensor.dtype == torch.int64 else kind, tuple(tensor.shape))
        for name, tensor in build().state_dict().items()
    }
    for level in (4, 3, 2):  # what only training needs
        width = shapes[f"decoder.decoder_block{level}.bn_out.weight"][1][0]
        for stem, channels in ((f"conv_ms_spvn_{level}", width), (f"gdt_convs_pred_{level}.0", 16)):
            shapes[f"decoder.{stem}.weight"] = (kind, (1, channels, 1, 1))
            shapes[f"decoder.{stem}.bias"] = (kind, (1,))
    assert safetensors_bytes(shapes) == sets.find(key).bytes


def safetensors_bytes(shapes: dict[str, tuple[str, tuple[int, ...]]]) -> int:
    """Length of the file: 8 bytes, a JSON header padded to a multiple of 8, the data, widest numbers first."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (kind, shape) in sorted(shapes.items(), key=lambda item: (-BYTES[item[1][0]], item[0])):
        start, end = end, end + BYTES[kind] * math.prod(shape)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
    return 8 + -(-len(json.dumps(header, separators=(",", ":"))) // 8) * 8 + end


# -- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by_colour", "name"), [(True, "logits"), (False, "logits_before_2024_11")])
def test_results_are_those_of_the_reference(
    net: BiRefNet, picture: Tensor, by_colour: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert birefnet_net.TILES_BY_COLOUR
    monkeypatch.setattr(birefnet_net, "TILES_BY_COLOUR", by_colour)
    assert error(net, picture, name) < golden.CLOSE


def test_results_do_not_depend_on_the_pieces(net: BiRefNet, picture: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swin, "CHUNK_BYTES", 1 << 18)
    monkeypatch.setattr(deformable, "CHUNK_BYTES", 1 << 18)
    monkeypatch.setattr(deformable, "LEAST_PIXELS", 300)
    assert error(net, picture) < golden.CLOSE


def no_shift_mask(window: int, shift: int) -> Tensor:
    return torch.zeros(2, 2, window**2, window**2)


def x_before_y(moves: Tensor, first: int, size: tuple[int, int], kernel: int) -> tuple[Tensor, Tensor]:
    taps = kernel**2
    swapped = torch.cat([moves[:, taps : 2 * taps], moves[:, :taps], moves[:, 2 * taps :]], dim=1)
    return CORNERS(swapped, first, size, kernel)


def weaker(moves: Tensor, first: int, size: tuple[int, int], kernel: int) -> tuple[Tensor, Tensor]:
    rows, shares = CORNERS(moves, first, size, kernel)
    return rows, shares / 2


CORNERS = deformable.corners
POSITIONS = swin.relative_positions


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (birefnet_net, "TILES_BY_COLOUR", False),
        (swin, "far_apart", no_shift_mask),
        (swin, "relative_positions", lambda window: POSITIONS(window).T),
        (deformable, "corners", x_before_y),
        (deformable, "corners", weaker),
    ],
    ids=["tile order", "window mask", "relative positions", "offsets", "modulator"],
)
def test_what_is_broken_on_purpose_is_found(
    net: BiRefNet, picture: Tensor, module: object, name: str, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, wrong)
    assert error(net, picture) > 50 * golden.CLOSE


def test_windows_that_do_not_shift_are_found(net: BiRefNet, picture: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in net.bb.layers:
        monkeypatch.setattr(stage.blocks[1], "shift", 0)
    assert error(net, picture) > 50 * golden.CLOSE


def test_half_precision_is_close(picture: Tensor) -> None:
    low = lite()
    for module in low.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)
    difference = low(picture, Progress()).numpy() - stored()
    assert np.sqrt((difference**2).mean()) < 2e-2 * stored().std()
    masks = [torch.from_numpy(logits).sigmoid() for logits in (difference + stored(), stored())]
    assert float((masks[0] - masks[1]).abs().max()) < 0.01


def test_progress_rises_to_the_end(net: BiRefNet, picture: Tensor) -> None:
    told: list[float] = []
    net(picture, Progress(told.append))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 3


# -- parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("pull", [0.3, 4.0])  # at 4 most taps leave the map somewhere
def test_deformable_convolution_is_as_defined(kernel: int, pull: float) -> None:
    torch.manual_seed(kernel)
    conv = ModulatedDeformable(6, 5, kernel)
    x = torch.randn(1, 6, 11, 14)
    with torch.inference_mode():
        conv.offset_conv.bias.normal_(std=pull)
        conv.offset_conv.weight.mul_(pull)
        truth = by_definition(conv, x)
        torch.testing.assert_close(conv(x), truth, rtol=1e-4, atol=1e-5)


def test_deformable_convolution_without_offsets_is_a_convolution() -> None:
    torch.manual_seed(1)
    conv = ModulatedDeformable(4, 3, 3)
    with torch.inference_mode():
        for own in (conv.offset_conv, conv.modulator_conv):
            own.weight.zero_()
            own.bias.zero_()
        x = torch.randn(1, 4, 9, 13)
        torch.testing.assert_close(conv(x), F.conv2d(x, conv.regular_conv.weight, padding=1), rtol=1e-4, atol=1e-5)


def test_offsets_far_outside_see_nothing() -> None:
    moves = torch.tensor([[1e9, -1e9, 0.0], [-1e9, 1e9, 0.0]])
    rows, shares = deformable.corners(moves, 0, (1, 2), 1)
    table = deformable.pixel_table(torch.ones(1, 1, 1, 2))
    assert int(rows.min()) >= 0
    assert int(rows.max()) < len(table)
    assert not deformable.weighted_rows(table, rows, shares).any()


def test_weighted_rows_are_the_same_on_every_device() -> None:
    torch.manual_seed(2)
    table, rows, shares = torch.randn(50, 8), torch.randint(50, (30, 4), dtype=torch.int32), torch.rand(30, 4)
    torch.testing.assert_close(
        deformable.weighted_rows(table, rows, shares), deformable.gathered_rows(table, rows, shares)
    )


def test_relative_positions_of_two_by_two() -> None:
    expected = [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    assert swin.relative_positions(2).tolist() == expected


def test_a_shifted_window_keeps_both_ends_apart() -> None:
    far = swin.far_apart(2, 1)
    assert not far[0, 0].any()
    across = [[0, -100, 0, -100], [-100, 0, -100, 0], [0, -100, 0, -100], [-100, 0, -100, 0]]
    assert far[0, 1].tolist() == across
    assert far[1, 1].tolist() == [[0.0 if i == j else -100.0 for j in range(4)] for i in range(4)]


def test_tiles_are_stacked_colour_by_colour() -> None:
    picture = torch.arange(3 * 4 * 6).view(1, 3, 4, 6).float()
    stacked = tiles(picture, torch.Size((2, 3)))[0]
    assert stacked.shape == (12, 2, 3)
    for colour, row, column in itertools.product(range(3), range(2), range(2)):
        part = picture[0, colour, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
        assert torch.equal(stacked[4 * colour + 2 * row + column], part)
