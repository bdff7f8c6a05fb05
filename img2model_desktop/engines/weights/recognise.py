"""Which published network a file holds: told by names and shapes of its tensors, never by the file's name.

`resources/manifests/<key>.tsv` lists the tensors of each set's published file: name, kind, shape, a line each.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.headers import Header, TensorFacts, parts_of
from img2model_desktop.engines.weights.layouts import as_published
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import SetupProblem
from img2model_desktop.paths import resources_dir

INDICES = (".safetensors.index.json", ".bin.index.json", ".pth.index.json")
SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pth", ".pt")
LEAST_BYTES = 1_000_000  # a file without a known suffix is looked into from this size on
MAX_ENTRIES = 50_000  # of a folder that is searched
MAX_DEPTH = 8
ALIKE = 0.5  # share of a set's names from which on a file is meant to be that set

_IS_NOT_FREE = "it is published for non-commercial use only"
_IS_UNUSED = "no engine of this program uses it"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A network that is known and not taken.

    Args:
        title: for people.
        marks: tensors that it has; the first size that is None may be any number of them.
        reason: why it is not taken, a clause.
    """

    title: str
    marks: tuple[tuple[str, tuple[int, ...] | None], ...]
    reason: str = _IS_UNUSED


def _depth(size: str, width: int) -> tuple[Foreign, Foreign]:
    title = f"Depth Anything V2 {size}"
    published = (("backbone.embeddings.cls_token", (1, 1, width)), ("head.conv3.weight", None))
    native = (("pretrained.cls_token", (1, 1, width)), ("depth_head.scratch.output_conv1.weight", None))
    return Foreign(title, published, _IS_NOT_FREE), Foreign(title, native, _IS_NOT_FREE)


FOREIGN: tuple[Foreign, ...] = (
    *_depth("Base", 768),
    *_depth("Large", 1024),
    *_depth("Giant", 1536),
    Foreign(
        "TripoSG-scribble's transformer",
        (("blocks.0.attn1.norm_q.weight", (128,)), ("blocks.0.attn2_2.to_k.weight", None)),
    ),
    Foreign(
        "TripoSG's transformer",
        (("blocks.0.attn1.norm_q.weight", (128,)), ("blocks.0.attn2.to_k.weight", (2048, 1024))),
    ),
    Foreign("TripoSG's decoder", (("decoder.proj_query.weight", (1024, 51)), ("post_quant.weight", (1024, 64)))),
    Foreign("TRELLIS.2's structure flow", (("input_layer.weight", (1536, 8)), ("out_layer.weight", (8, 1536)))),
    Foreign("TRELLIS.2's shape flow", (("input_layer.weight", (1536, 32)), ("out_layer.weight", (32, 1536)))),
    Foreign("TRELLIS.2's texture flow", (("input_layer.weight", (1536, 64)), ("out_layer.weight", (32, 1536)))),
    Foreign("TRELLIS.2's shape decoder", (("from_latent.weight", (1024, 32)), ("output_layer.weight", (7, 64)))),
    Foreign("TRELLIS.2's texture decoder", (("from_latent.weight", (1024, 32)), ("output_layer.weight", (6, 64)))),
    Foreign("TRELLIS.2's shape encoder", (("input_layer.weight", (64, 6)), ("to_latent.weight", (64, 1024)))),
    Foreign("TRELLIS's structure decoder", (("input_layer.weight", (512, 8, 3, 3, 3)), ("out_layer.2.weight", None))),
    Foreign("TRELLIS's structure flow", (("pos_emb", (4096, 1024)), ("out_layer.weight", (8, 1024)))),
    Foreign("TRELLIS's mesh decoder", (("input_layer.weight", (768, 8)), ("out_layer.weight", (101, 96)))),
    Foreign("Hunyuan3D-2", (("model.latent_in.weight", None), ("model.time_in.in_layer.weight", None))),
    Foreign("Hunyuan3D-2's decoder", (("vae.post_kl.weight", None), ("vae.geo_decoder.output_proj.weight", None))),
    Foreign("DINOv3", (("embeddings.register_tokens", None), ("embeddings.patch_embeddings.weight", None))),
    Foreign("DINOv2", (("embeddings.position_embeddings", None), ("encoder.layer.0.layer_scale1.lambda1", None))),
    Foreign("RMBG or IS-Net", (("stage1.rebnconvin.conv_s1.weight", None), ("side1.weight", None))),
    Foreign("U2-Net", (("stage1.rebnconvin.conv_s1.weight", None), ("outconv.weight", None))),
)


@dataclass(frozen=True, slots=True)
class Match:
    """What a file was recognised as.

    Args:
        weight_set: the set, or None.
        problem: why it cannot be used, a sentence, or "" where it can.
    """

    weight_set: WeightSet | None
    problem: str = ""


@functools.cache
def manifest(key: str) -> dict[str, TensorFacts]:
    """The tensors of a set's published file."""
    text = (resources_dir() / "manifests" / f"{key}.tsv").read_text(encoding="utf-8")
    tensors = {}
    for line in text.splitlines():
        name, dtype, shape = line.split("\t")
        tensors[name] = TensorFacts(dtype, tuple(int(size) for size in shape.split("x") if size))
    return tensors


def match(header: Header, name: str) -> Match:
    """Which set a header belongs to.

    Args:
        header: of the file.
        name: of the file, for messages.
    """
    tensors = as_published(header.tensors, _pieces)
    for weight_set in sets.SETS:
        if not misfit(weight_set, tensors):
            return Match(weight_set)
    foreign = foreign_title(header.tensors)
    if foreign:
        return Match(None, f"“{name}” is {foreign.title}; {foreign.reason}.")
    scores = [(_likeness(entry, tensors), entry) for entry in sets.SETS]
    best, nearest = max(scores, key=lambda pair: pair[0])
    if best >= ALIKE:
        return Match(None, f"“{name}” is not {nearest.title}, though much like it: {misfit(nearest, tensors)}.")
    return Match(None, f"“{name}” holds {len(header.tensors)} tensors of a network that this program does not know.")


def foreign_title(tensors: dict[str, TensorFacts]) -> Foreign | None:
    """The known network that is not taken, or None."""
    for foreign in FOREIGN:
        if all(name in tensors and shape in (None, tensors[name].shape) for name, shape in foreign.marks):
            return foreign
    return None


def misfit(weight_set: WeightSet, tensors: dict[str, TensorFacts]) -> str:
    """How tensors differ from the set's manifest, a clause: how many, and the first; "" where they fit."""
    listed = manifest(weight_set.key)
    unused = weight_set.unused or ("\0",)
    wanted = {name: facts.shape for name, facts in listed.items() if not name.startswith(unused)}
    have = {name: facts.shape for name, facts in tensors.items()}
    return difference(wanted, have, lambda name: name in listed or name.startswith(unused))


def difference(
    wanted: dict[str, tuple[int, ...]], have: dict[str, tuple[int, ...]], is_unused: Callable[[str], bool]
) -> str:
    """How names and shapes differ, a clause: how many, and the first; "" where they fit.

    Args:
        wanted: shapes by name that must all be there.
        have: those that are.
        is_unused: whether one that is not wanted may be there.
    """
    missing = sorted(name for name in wanted if name not in have)
    if missing:
        return f"{_tensors(len(missing))} missing, the first is “{missing[0]}”"
    other = sorted(name for name in wanted if have[name] != wanted[name])
    if other:
        shapes = f"{_by(have[other[0]])} where {_by(wanted[other[0]])} is needed"
        return f"{_tensors(len(other))} of another shape, the first is “{other[0]}”, {shapes}"
    surplus = sorted(name for name in have if name not in wanted and not is_unused(name))
    if surplus:
        return f"{_tensors(len(surplus))} too many, the first is “{surplus[0]}”"
    return ""


def candidates(path: Path) -> Iterator[Path]:
    """The files in a folder that may hold weights, sorted; a list of parts stands for its parts.

    A hub cache is read through its snapshots. Hidden folders are left out.

    Args:
        path: folder, or one file, which is then the only candidate.

    Raises:
        SetupProblem: it is not there, or holds too many files to be looked through.
    """
    if not path.is_dir():
        yield path
        return
    files = list(_walk(path))
    parts: set[Path] = set()
    for file in files:
        if file.name.endswith(INDICES):
            parts |= set(parts_of(file))
            yield file
    for file in files:
        if file not in parts and not file.name.endswith(INDICES) and _may_hold_weights(file):
            yield file


def _walk(folder: Path) -> Iterator[Path]:
    left = MAX_ENTRIES
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            entries = sorted(here.iterdir())
        except OSError:
            continue  # not ours to open: nothing in it can be imported
        names = {entry.name for entry in entries}
        for entry in entries:
            left -= 1
            if left < 0:
                raise SetupProblem(
                    f"“{folder.name}” holds more than {MAX_ENTRIES} files.", "Choose the folder of one engine."
                )
            if entry.name.startswith(".") or (entry.name in ("blobs", "refs") and "snapshots" in names):
                continue
            if entry.is_dir():
                if depth < MAX_DEPTH and not (entry.is_symlink() and folder.is_relative_to(entry.resolve())):
                    waiting.append((entry, depth + 1))
            elif entry.is_file():
                yield entry


def _may_hold_weights(file: Path) -> bool:
    if file.name.lower().endswith(SUFFIXES):
        return True
    try:
        if file.stat().st_size < LEAST_BYTES:
            return False
        with file.open("rb") as opened:
            start = opened.read(9)
    except OSError:
        return False
    return start[:4] == b"PK\x03\x04" or (start[8:] == b"{" and int.from_bytes(start[:8], "little") <= 100_000_000)


def _likeness(weight_set: WeightSet, tensors: dict[str, TensorFacts]) -> float:
    """0..1: how many of the set's names are there, and how many of these in the right shape."""
    wanted = manifest(weight_set.key)
    there = [name for name in wanted if name in tensors]
    same = [name for name in there if tensors[name].shape == wanted[name].shape]
    return (len(there) + len(same)) / (2 * len(wanted))


def _pieces(facts: TensorFacts, count: int) -> tuple[TensorFacts, ...]:
    return (TensorFacts(facts.dtype, (facts.shape[0] // count, *facts.shape[1:])),) * count


def _tensors(count: int) -> str:
    return "1 tensor is" if count == 1 else f"{count} tensors are"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape) or "one number"
