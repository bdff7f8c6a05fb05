"""Published files become tensors of networks, whole and unread; nothing in them runs; what does not fit is named."""

import hashlib
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.depth import net as depth_net
from img2model_desktop.engines.networks import tensors as tensors_module
from img2model_desktop.engines.networks.tensors import load_into, load_lowered, read_tensors
from img2model_desktop.engines.weights import recognise, sets
from img2model_desktop.engines.weights.headers import TensorFacts, read_header
from img2model_desktop.engines.weights.sets import WeightFile, WeightSet
from img2model_desktop.errors import Cancelled, SetupProblem
from tests.published import (
    TinyNet,
    as_half,
    facts_of,
    published_tiny,
    random_tensors,
    write,
    write_flat_pickle,
    write_shards,
    write_sparse,
)

TINY_SET = WeightSet("tiny", "Tiny", "someone/Tiny", "", "MIT", (WeightFile("model.safetensors", 0),), "", ("extra.",))


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return random_tensors(facts_of(published_tiny()))


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[n].dtype == b[n].dtype and bool((a[n] == b[n]).all()) for n in a)


def refusal(path: Path) -> str:
    """What `read_tensors` and `read_header` both say."""
    said = set()
    for read in (read_tensors, read_header):
        with pytest.raises(SetupProblem) as caught:
            read(path)
        assert caught.value.advice
        said.add(caught.value.message)
    (message,) = said
    return message


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt", ".bin", ".pth"])
def test_tensors_come_back_as_they_were_written(tmp_path: Path, tensors: dict[str, Tensor], suffix: str) -> None:
    path = write(tmp_path / f"m{suffix}", tensors)
    assert same(read_tensors(path), tensors)
    header = read_header(path)
    assert header.tensors == facts_of(published_tiny())
    assert header.bytes == path.stat().st_size


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_half_precision_stays_what_it_is(tmp_path: Path, suffix: str, dtype: torch.dtype) -> None:
    path = write(tmp_path / f"m{suffix}", {"a": torch.arange(6.0).reshape(2, 3).to(dtype)})
    assert read_tensors(path)["a"].dtype == dtype
    assert read_header(path).tensors == {"a": TensorFacts("F16" if dtype == torch.float16 else "BF16", (2, 3))}


def test_parts_are_one(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    index = write_shards(tmp_path, tensors, 3)
    assert same(read_tensors(index), tensors)
    assert len(read_header(index).files) == 4
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    assert refusal(index).startswith("1 of 3 parts are missing beside “model.safetensors.index.json”, the first is")


def test_an_index_names_no_file_outside_its_folder(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    write(tmp_path / "secret.safetensors", tensors)
    index = tmp_path / "sub" / "model.safetensors.index.json"
    index.parent.mkdir()
    index.write_text('{"weight_map": {"a": "../secret.safetensors"}}', encoding="utf-8")
    assert "is no file of weights" in refusal(index)


@pytest.mark.parametrize("nesting", [{}, {"state_dict": None}, {"model": None}])
@pytest.mark.parametrize("wrapping", ["", "module.", "_orig_mod.module."])
def test_what_training_programs_put_around_is_taken_off(
    tmp_path: Path, tensors: dict[str, Tensor], nesting: dict[str, None], wrapping: str
) -> None:
    content: object = {wrapping + name: value for name, value in tensors.items()}
    for key in nesting:
        content = {"epoch": 3, "lr": 0.1, key: content}
    torch.save(content, tmp_path / "m.ckpt")
    assert same(read_tensors(tmp_path / "m.ckpt"), tensors)
    assert set(read_header(tmp_path / "m.ckpt").tensors) == set(tensors)


def test_a_whole_state_dict_of_torch_is_read(tmp_path: Path) -> None:
    net = TinyNet()
    torch.save(OrderedDict((n, p) for n, p in net.named_parameters()), tmp_path / "m.pth")  # parameters, not tensors
    assert read_header(tmp_path / "m.pth").tensors["head.weight"].shape == (32, 64)
    torch.save(net.state_dict(), tmp_path / "s.pth")  # an OrderedDict with an attribute
    assert same(read_tensors(tmp_path / "s.pth"), dict(net.state_dict()))
    assert read_header(tmp_path / "s.pth").tensors == facts_of(net)


# -- code in a checkpoint ----------------------------------------------------------------------------------------------


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    trace = tmp_path / "it ran"
    path = tmp_path / "m.ckpt"
    torch.save({**tensors, "boom": _Bomb(trace)}, path)
    assert refusal(path) == "“m.ckpt” holds code besides tensors, and this program runs no code from files."
    with pytest.raises(SetupProblem, match="holds code"):
        tensors_module._from_pickle(path)  # also where the header was not looked at before
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the bomb is a real one
    assert trace.exists()


def test_code_in_a_bare_pickle_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    path = tmp_path / "m.bin"
    path.write_bytes(pickle.dumps({"a": _Bomb(trace)}))
    assert "is no file of weights" in refusal(path)
    assert not trace.exists()


def test_code_in_a_network_saved_whole_does_not_run(tmp_path: Path) -> None:
    torch.save(TinyNet(), tmp_path / "m.pth")
    assert "holds code" in refusal(tmp_path / "m.pth")


# -- damaged files -----------------------------------------------------------------------------------------------------


def test_a_cut_off_file_says_how_much_is_there(tmp_path: Path) -> None:
    facts = {"a": TensorFacts("F32", (2500, 10_000))}
    whole = write_sparse(tmp_path / "m.safetensors", facts)
    os.truncate(whole, 12_000_000)
    assert refusal(whole) == "“m.safetensors” is cut off: 12 MB of 100 MB are there."
    torch.save({"a": torch.zeros(250, 1000)}, tmp_path / "m.ckpt")
    os.truncate(tmp_path / "m.ckpt", 300_000)
    assert refusal(tmp_path / "m.ckpt") == "“m.ckpt” is cut off: 300 kB of 1.0 MB are there."
    os.truncate(whole, 50)
    assert refusal(whole) == "“m.safetensors” is cut off within its header: 50 bytes are there."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no file of weights"),
        (b"hello, world, how are you", "is no file of weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n", "Git LFS"),
        (b"<!DOCTYPE html><html>404</html>", "saved web page"),
        (b"\xff" * 8 + b"{}", "is no file of weights"),
        (b"\x02" + b"\0" * 7 + b"{}", "is no file of weights"),
        (b"\x08" + b"\0" * 7 + b'{"a": 1}', "is damaged"),
        (b"\x08" + b"\0" * 7 + b'{"a": [[', "is damaged"),
        (b"PK\x03\x04 and then nothing of a zip file", "is cut off or damaged"),
    ],
)
def test_what_is_no_weights_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.ckpt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is no file of weights" in refusal(tmp_path / "m.ckpt")


@pytest.mark.parametrize(
    "header",
    [
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}',
        '{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,8]}}',
        '{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}',
        '{"a":{"dtype":"F3","shape":[2],"data_offsets":[0,8]}}',
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    ],
    ids=["overlap", "gap", "too short", "negative", "unknown kind", "bytes left over"],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + b"\0" * 16)
    assert refusal(path) == "The header of “m.safetensors” is damaged."


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "m.safetensors") == "“m.safetensors” could not be read."


# -- into networks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "other.ckpt"])
def test_a_network_gets_the_tensors_of_the_file(tmp_path: Path, tensors: dict[str, Tensor], name: str) -> None:
    write(tmp_path / name, tensors)
    net = published_tiny()
    load_into(net, tmp_path, TINY_SET)
    assert same(dict(net.state_dict()), tensors)
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())
    net(torch.ones(2, 48))  # nothing was left on the meta device


def test_a_network_in_parts_is_loaded(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    write_shards(tmp_path, tensors)
    net = published_tiny()
    load_into(net, tmp_path, TINY_SET)
    assert same(dict(net.state_dict()), tensors)


def test_nothing_is_copied_and_the_file_is_never_changed(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = write(tmp_path / "model.safetensors", tensors)
    before = hashlib.sha256(path.read_bytes()).digest()
    net = published_tiny()
    load_into(net, tmp_path, TINY_SET)
    if sys.platform.startswith("linux"):
        assert str(path) in {region.path for region in psutil.Process().memory_maps()}
    with torch.no_grad():
        next(net.parameters()).add_(1)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_half_precision_weights_are_kept_as_they_are(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    write(tmp_path / "model.safetensors", {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()})
    net = published_tiny()
    load_into(net, tmp_path, TINY_SET)
    assert net.head.weight.dtype == torch.float16
    assert net.body[1].num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize("part_bytes", [1, 1 << 10, 1 << 30])
@pytest.mark.parametrize("name", ["model.safetensors", "other.ckpt"])
def test_some_tensors_are_lowered_part_by_part_and_the_file_is_let_go_of(
    tmp_path: Path, tensors: dict[str, Tensor], name: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name, tensors)
    monkeypatch.setattr(tensors_module, "PART_BYTES", part_bytes)
    net, lowered, said = published_tiny(), {"head.weight", "body.0.bias"}, list[float]()
    load_lowered(net, tmp_path, TINY_SET, dict.fromkeys(lowered, torch.bfloat16), Progress(said.append))
    wanted = {n: t.bfloat16() if n in lowered else t for n, t in tensors.items()}
    assert same(dict(net.state_dict()), wanted)
    assert {n for n, t in net.state_dict().items() if t.dtype == torch.bfloat16} == lowered
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert said[-1] == 1.0
    if sys.platform.startswith("linux"):
        assert str(path) not in {region.path for region in psutil.Process().memory_maps()}


def test_lowering_checks_and_can_be_cancelled(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    write(tmp_path / "model.safetensors", tensors)
    with pytest.raises(Cancelled):
        load_lowered(published_tiny(), tmp_path, TINY_SET, {}, Progress(is_cancelled=lambda: True))
    write(tmp_path / "model.safetensors", {n: t for n, t in tensors.items() if n != "head.weight"})
    with pytest.raises(SetupProblem, match="not the weights of Tiny"):
        load_lowered(published_tiny(), tmp_path, TINY_SET, {}, Progress())


def test_names_that_are_not_used_may_be_there(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    write(tmp_path / "model.safetensors", {**tensors, "extra.bias": torch.zeros(3)})
    load_into(published_tiny(), tmp_path, TINY_SET)


def native_depth(name: str) -> str:
    """What the authors' own program calls a tensor of Depth Anything V2; query, key and value are one there."""
    block = "pretrained.blocks."
    for ours, theirs in (
        ("backbone.encoder.layer.", block),
        ("attention.attention.query", "attn.qkv"),
        ("attention.output.dense", "attn.proj"),
        ("layer_scale1.lambda1", "ls1.gamma"),
        ("layer_scale2.lambda1", "ls2.gamma"),
        ("backbone.embeddings.position_embeddings", "pretrained.pos_embed"),
        ("backbone.embeddings.patch_embeddings.projection", "pretrained.patch_embed.proj"),
        ("backbone.embeddings.", "pretrained."),
        ("backbone.layernorm.", "pretrained.norm."),
        ("head.conv1.", "depth_head.scratch.output_conv1."),
        ("head.conv2.", "depth_head.scratch.output_conv2.0."),
        ("head.conv3.", "depth_head.scratch.output_conv2.2."),
        *((f"neck.convs.{n}.", f"depth_head.scratch.layer{n + 1}_rn.") for n in range(4)),
        *((f"neck.fusion_stage.layers.{n}.", f"depth_head.scratch.refinenet{4 - n}.") for n in range(4)),
        *((f"neck.reassemble_stage.layers.{n}.projection.", f"depth_head.projects.{n}.") for n in range(4)),
        *((f"neck.reassemble_stage.layers.{n}.resize.", f"depth_head.resize_layers.{n}.") for n in range(4)),
        ("residual_layer1.convolution", "resConfUnit1.conv"),
        ("residual_layer2.convolution", "resConfUnit2.conv"),
    ):
        name = name.replace(ours, theirs)
    return name.replace("projection.", "out_conv.") if "refinenet" in name else name


def test_depth_anything_is_read_as_its_authors_save_it(tmp_path: Path) -> None:
    weight_set = sets.find("depth-small")
    published = random_tensors(recognise.manifest("depth-small"))
    native = {}
    for name, tensor in published.items():
        if ".attention.query" in name:
            parts = [published[name.replace("query", part)] for part in ("query", "key", "value")]
            native[native_depth(name)] = torch.cat(parts)
        elif ".attention.key" not in name and ".attention.value" not in name:
            native[native_depth(name)] = tensor
    assert native["pretrained.blocks.11.attn.qkv.bias"].shape == (3 * 384,)
    assert {"depth_head.scratch.refinenet1.resConfUnit2.conv1.weight", "pretrained.norm.bias"} <= set(native)
    path = write(tmp_path / "depth_anything_v2_vits.pth", native)
    assert matched(path) == "depth-small"
    net = depth_net.published()
    load_into(net, tmp_path, weight_set)
    assert same(dict(net.state_dict()), published)


def misfit(folder: Path, tensors: dict[str, Tensor]) -> str:
    write(folder / "model.safetensors", tensors)
    net = published_tiny()
    with pytest.raises(SetupProblem) as caught:
        load_into(net, folder, TINY_SET)
    assert all(parameter.is_meta for parameter in net.parameters())  # all or nothing
    return caught.value.message


def test_what_does_not_fit_is_named(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    some = {name: tensor for name, tensor in tensors.items() if not name.startswith("body.1")}
    no = "These are not the weights of Tiny. "
    assert misfit(tmp_path, some) == no + "5 tensors are missing, the first is “body.1.bias”."
    wide = {**tensors, "head.weight": torch.zeros(64, 32)}
    shapes = "64 x 32 where 32 x 64 is needed"
    assert misfit(tmp_path, wide) == no + f"1 tensor is of another shape, the first is “head.weight”, {shapes}."
    more = {**tensors, "tail.weight": torch.zeros(1), "tail.bias": torch.zeros(1)}
    assert misfit(tmp_path, more) == no + "2 tensors are too many, the first is “tail.bias”."
    whole = {**tensors, "head.weight": torch.zeros(32, 64, dtype=torch.int64)}
    assert misfit(tmp_path, whole) == "These are not the weights of Tiny: “head.weight” is torch.int64."


def test_another_known_network_is_called_by_its_name(tmp_path: Path) -> None:
    marks = {"blocks.0.attn1.norm_q.weight": torch.zeros(128), "blocks.0.attn2.to_k.weight": torch.zeros(2048, 1024)}
    assert misfit(tmp_path, marks) == "These are not the weights of Tiny. They are TripoSG's transformer."


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="of Tiny is missing"):
        load_into(published_tiny(), tmp_path, TINY_SET)


# -- which network it is -----------------------------------------------------------------------------------------------


def matched(path: Path) -> str:
    """The key of the set, or the problem."""
    found = recognise.match(read_header(path), path.name)
    return found.weight_set.key if found.weight_set else found.problem


@pytest.mark.parametrize("key", ["birefnet-lite", "birefnet", "depth-small", "triposr"])
def test_published_networks_are_recognised_in_any_file(tmp_path: Path, key: str) -> None:
    facts = recognise.manifest(key)
    assert matched(write_sparse(tmp_path / "a.bin", facts)) == key
    assert matched(write_sparse(tmp_path / "b.safetensors", as_half(facts))) == key
    assert matched(write_flat_pickle(tmp_path / "c", facts)) == key
    assert matched(write_sparse(tmp_path / "d", {f"module.{name}": one for name, one in facts.items()})) == key


def test_what_lacks_a_tensor_is_not_taken_for_whole(tmp_path: Path) -> None:
    facts = dict(recognise.manifest("birefnet-lite"))
    del facts["decoder.conv_out1.0.weight"]
    said = matched(write_sparse(tmp_path / "m.bin", facts))
    assert said.startswith("“m.bin” is not BiRefNet lite, though much like it: 1 tensor is missing, the first is “dec")


@pytest.mark.parametrize(("size", "width"), [("Base", 768), ("Large", 1024), ("Giant", 1536)])
def test_larger_depth_networks_are_refused_for_their_licence(tmp_path: Path, size: str, width: int) -> None:
    facts = {
        name: TensorFacts(one.dtype, tuple(width if length == 384 else length for length in one.shape))
        for name, one in recognise.manifest("depth-small").items()
    }
    said = f"is Depth Anything V2 {size}; it is published for non-commercial use only."
    assert matched(write_sparse(tmp_path / "m.bin", facts)) == f"“m.bin” {said}"
    native = {"pretrained.cls_token": (1, 1, width), "depth_head.scratch.output_conv1.weight": (32, 64, 3, 3)}
    facts = {name: TensorFacts("F32", shape) for name, shape in native.items()}
    assert matched(write_flat_pickle(tmp_path / "m.pth", facts)) == f"“m.pth” {said}"


def test_other_known_networks_are_called_by_their_names(shared_eval: Path, tmp_path: Path) -> None:
    keys = shared_eval.parent / "models" / "keys"
    if not keys.is_dir():
        pytest.skip("no lists of published tensors")
    named = {
        "triposg_transformer": "TripoSG's transformer",
        "triposg_vae": "TripoSG's decoder",
        "trellis2_ss_flow": "TRELLIS.2's structure flow",
        "trellis2_shape_flow": "TRELLIS.2's shape flow",
        "trellis2_tex_flow": "TRELLIS.2's texture flow",
        "trellis2_shape_dec": "TRELLIS.2's shape decoder",
        "trellis2_tex_dec": "TRELLIS.2's texture decoder",
        "trellis2_shape_enc": "TRELLIS.2's shape encoder",
        "trellis_ss_dec": "TRELLIS's structure decoder",
        "trellis_ssflow": "TRELLIS's structure flow",
        "trellis_meshdec": "TRELLIS's mesh decoder",
        "hunyuan3d2mini_dit": "Hunyuan3D-2",
        "hunyuan3d2mini_vae": "Hunyuan3D-2's decoder",
        "dinov3_vitl16": "DINOv3",
        "dinov2_large": "DINOv2",
    }
    for file, title in named.items():
        lines = (keys / f"{file}.tsv").read_text(encoding="utf-8").splitlines()
        listed = [line.split("\t") for line in lines if line and not line.startswith("#")]
        facts = {n: TensorFacts(d, tuple(int(s) for s in x.split("x") if s.isdigit())) for n, d, x in listed}
        said = matched(write_sparse(tmp_path / "m.bin", facts))
        assert said == f"“m.bin” is {title}; no engine of this program uses it."
