"""Files of a run: whole checkpoints, small ones cut into pieces that travel, and the weights that ship."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from img2model_desktop.engines.twin.net import NetShape, read_weights

PIECE_BYTES = 15 << 20
_PIECES = "piece-*.bin"


def save_whole(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state; a file that is there is replaced only when the new one is whole."""
    temporary = path.with_name(path.name + ".part")
    torch.save(dict(state), temporary)
    temporary.replace(path)


def save_pieces(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes a state without its optimiser, in float16, as files of at most 15 MiB: for machines that return little."""
    folder.mkdir(parents=True, exist_ok=True)
    small = {name: value for name, value in state.items() if name != "optimiser"}
    for name in ("net", "average"):
        small[name] = {key: tensor.half() for key, tensor in state[name].items()}
    whole = folder / "whole.part"
    torch.save(small, whole)
    data = whole.read_bytes()
    whole.unlink()
    for old in folder.glob(_PIECES):
        old.unlink()
    for k, begin in enumerate(range(0, len(data), PIECE_BYTES)):
        (folder / f"piece-{k:02d}.bin").write_bytes(data[begin : begin + PIECE_BYTES])


def read_state(path: Path) -> dict[str, Any]:
    """A state from a whole file, from a folder of pieces, or from the weights that ship (without the optimiser).

    Raises:
        FileNotFoundError: neither is there.
    """
    if path.suffix == ".safetensors":
        return _shipped(path)
    if path.is_dir():
        pieces = sorted(path.glob(_PIECES))
        if not pieces:
            raise FileNotFoundError(f"{path} holds no pieces of a checkpoint")
        import io

        source: Any = io.BytesIO(b"".join(piece.read_bytes() for piece in pieces))
    else:
        source = path
    state: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    return state


def _shipped(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    recipe = json.loads(about["recipe"])
    weights = read_weights(path).state_dict()
    counts = {name: recipe[name] for name in ("steps", "samples", "trained_s")}
    return {"shape": about["shape"], "net": weights, "average": weights, "step": counts.pop("steps"), **counts}


def export(path: Path, state: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Writes the moving average of the weights in float16, with the network's shape and the recipe as metadata.

    Args:
        path: the safetensors file.
        state: as `Trainer.state` gives it.
        recipe: how the weights came about; plain values.

    Returns:
        the file's SHA-256.
    """
    from safetensors.torch import save_file

    tensors = {name: value.half().contiguous().clone() for name, value in state["average"].items()}
    NetShape.from_text(state["shape"])  # a shape that cannot be read back must not be written
    metadata = {"shape": str(state["shape"]), "recipe": json.dumps(dict(recipe), sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
    path.chmod(0o644)  # the library keeps it to its owner, but it ships
    return hashlib.sha256(path.read_bytes()).hexdigest()


def credits_text(entries: list[dict[str, Any]]) -> str:
    """The credit lines that the licences of training objects ask for, as Markdown."""
    lines = sorted({str(entry["credit"]).strip() for entry in entries if entry.get("credit")})
    free = sorted({f"{entry['author']} ({entry['licence']})" for entry in entries if not entry.get("credit")})
    return "\n".join(
        [
            "# Credits",
            "",
            "`twin.safetensors` was trained on renderings of 3D models by the people below, and on procedural shapes.",
            "",
            "## Under CC BY 4.0",
            "",
            *(f"- {line}" for line in lines),
            "",
            "## Dedicated to the public domain, or free of conditions",
            "",
            *(f"- {line}" for line in free),
            "",
        ]
    )
