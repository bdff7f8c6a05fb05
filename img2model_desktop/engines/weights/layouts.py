"""Other layouts of published weights: the same tensors under other names, turned into the names of a set.

Depth Anything V2 is published twice: as the set lists it, and as its authors' own program saves it, with the names of
facebookresearch/dinov2 and of a dense prediction transformer, where query, key and value are stacked in one tensor.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_NATIVE_DEPTH = ("pretrained.cls_token", "depth_head.scratch.output_conv1.weight")
_BLOCK = r"^pretrained\.blocks\.(\d+)\."
_LAYER = r"backbone.encoder.layer.\1."
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        _BLOCK + r"attn\.qkv\.(weight|bias)$",
        tuple(rf"{_LAYER}attention.attention.{part}.\2" for part in ("query", "key", "value")),
    ),
    (_BLOCK + r"attn\.proj\.", (_LAYER + "attention.output.dense.",)),
    (_BLOCK + r"ls(\d)\.gamma$", (_LAYER + r"layer_scale\2.lambda1",)),
    (_BLOCK, (_LAYER,)),
    (r"^pretrained\.(cls_token|mask_token)$", (r"backbone.embeddings.\1",)),
    (r"^pretrained\.pos_embed$", ("backbone.embeddings.position_embeddings",)),
    (r"^pretrained\.patch_embed\.proj\.", ("backbone.embeddings.patch_embeddings.projection.",)),
    (r"^pretrained\.norm\.", ("backbone.layernorm.",)),
    (r"^depth_head\.projects\.(\d)\.", (r"neck.reassemble_stage.layers.\1.projection.",)),
    (r"^depth_head\.resize_layers\.(\d)\.", (r"neck.reassemble_stage.layers.\1.resize.",)),
    *((rf"^depth_head\.scratch\.layer{n}_rn\.", (f"neck.convs.{n - 1}.",)) for n in range(1, 5)),
    *(
        (rf"^depth_head\.scratch\.refinenet{n}\.{theirs}", (f"neck.fusion_stage.layers.{4 - n}.{ours}",))
        for n in range(1, 5)
        for theirs, ours in (
            (r"out_conv\.", "projection."),
            (r"resConfUnit1\.conv", "residual_layer1.convolution"),
            (r"resConfUnit2\.conv", "residual_layer2.convolution"),
        )
    ),
    (r"^depth_head\.scratch\.output_conv1\.", ("head.conv1.",)),
    (r"^depth_head\.scratch\.output_conv2\.0\.", ("head.conv2.",)),
    (r"^depth_head\.scratch\.output_conv2\.2\.", ("head.conv3.",)),
)


def as_published(tensors: Mapping[str, T], split: Callable[[T, int], tuple[T, ...]]) -> dict[str, T]:
    """The tensors under the names of their set; as they are where their layout is that one, or none that is known.

    Args:
        tensors: or what is known of each, by name.
        split: cuts one into so many equal pieces along its first dimension.
    """
    if not all(name in tensors for name in _NATIVE_DEPTH):
        return dict(tensors)
    renamed: dict[str, T] = {}
    for name, value in tensors.items():
        names = _published(name)
        pieces = (value,) if len(names) == 1 else split(value, len(names))
        renamed |= dict(zip(names, pieces, strict=True))
    return renamed


def _published(name: str) -> tuple[str, ...]:
    for pattern, names in _RULES:
        match = re.match(pattern, name)
        if match:
            return tuple(match.expand(ours) + name[match.end() :] for ours in names)
    return (name,)
