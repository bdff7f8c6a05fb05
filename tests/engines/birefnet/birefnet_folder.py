"""BiRefNet with weights by the fixtures' rule, at its published sizes and at a tiny one: networks, folders of files."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from img2model_desktop.engines.birefnet.cutter import FineCutout
from img2model_desktop.engines.birefnet.net import BiRefNet, Sizes, published_lite
from img2model_desktop.engines.device import processor
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.weights import sets
from tests.engines.golden import weight_of, weights_for

TINY = Sizes(8, (2, 2, 2, 2), (1, 1, 2, 2), 4, (8, 8, 8, 8, 8))
DECIDED = 8.0  # times the logits of a folder's network: by the rule alone it is hardly sure of any pixel


def state_for(net: BiRefNet) -> dict[str, Tensor]:
    """All that a network on the meta device needs; whole numbers are nought, so that nothing can lean on them."""
    whole = {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in net.state_dict().items()
        if not tensor.is_floating_point()
    }
    return weights_for(net) | whole


def lite() -> BiRefNet:
    """The network, ready to predict."""
    net = published_lite()
    net.load_state_dict(state_for(net), assign=True)
    net.requires_grad_(False)
    return net


def tiny() -> BiRefNet:
    """The tiny network on the meta device."""
    with torch.device("meta"):
        return BiRefNet(TINY)


def load_tiny(folder: Path) -> FineCutout:
    """What `birefnet.cutter.load_lite` is at published size."""
    net = tiny()
    load_into(net, folder, sets.find("birefnet-lite"))
    return FineCutout(net, processor())


def write_folder(folder: Path, kind: torch.dtype = torch.float32, net: BiRefNet | None = None) -> Path:
    """The folder with `model.safetensors` as published, the heads for training included; BiRefNet lite's by default."""
    folder.mkdir(parents=True, exist_ok=True)
    state = state_for(net or published_lite())
    for leaf in ("weight", "bias"):
        state[f"decoder.conv_out1.0.{leaf}"] *= DECIDED
    for level in (4, 3, 2):
        width = len(state[f"decoder.decoder_block{level}.bn_out.bias"])
        for stem, channels in ((f"conv_ms_spvn_{level}", width), (f"gdt_convs_pred_{level}.0", 16)):
            name = f"decoder.{stem}"
            state[f"{name}.weight"] = torch.from_numpy(weight_of(f"{name}.weight", (1, channels, 1, 1)))
            state[f"{name}.bias"] = torch.from_numpy(weight_of(f"{name}.bias", (1,)))
    state = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
