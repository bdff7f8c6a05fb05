"""The published weights that engines of this program can use: which files, whose, under which licence. Data alone."""

from dataclasses import dataclass

from img2model_desktop.errors import InputProblem


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a hub repository.

    Args:
        path: relative, as in the repository.
        bytes: of the published file.
        sha256: of the published file, lower case hexadecimal, or "" where it is not known.
        is_needed: False for one that the program reads only for its curiosity, such as a configuration.
    """

    path: str
    bytes: int
    sha256: str = ""
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class WeightSet:
    """What one engine needs.

    Args:
        key: short, stable; the name of its folder in the library.
        title: for people.
        source: owner/name of the hub repository.
        revision: of it that the sizes and hashes belong to, or "" where any will do.
        licence: SPDX name.
        files: of which those that are needed must be there.
        network: "module:function"; the function takes nothing and returns the network as a `torch.nn.Module` on torch's
            meta device at published size, with the published names: what a file must hold.
        unused: beginnings of published names that the network does not have and that may be in a file.
        tflop: of one run, 10^12 operations: what a first estimate of its time is made from.
        takes_half: whether the engine computes the same, as far as the eye goes, with weights in half precision.
        territory: where the licence does not hold, a sentence, or "" where it holds everywhere.
    """

    key: str
    title: str
    source: str
    revision: str
    licence: str
    files: tuple[WeightFile, ...]
    network: str
    unused: tuple[str, ...] = ()
    tflop: float = 0.0
    takes_half: bool = False
    territory: str = ""

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files)


SETS: tuple[WeightSet, ...] = (
    WeightSet(
        "birefnet-lite",
        "BiRefNet lite",
        "ZhengPeng7/BiRefNet_lite",
        "",
        "MIT",
        (WeightFile("model.safetensors", 177_634_392),),
        "img2model_desktop.engines.birefnet.net:published_lite",
        unused=("decoder.conv_ms_spvn_", "decoder.gdt_convs_pred_"),  # heads that only training needs
        tflop=0.63,
        takes_half=True,
    ),
    WeightSet(
        "birefnet",
        "BiRefNet",
        "ZhengPeng7/BiRefNet",
        "",
        "MIT",
        (WeightFile("model.safetensors", 444_473_596),),
        "img2model_desktop.engines.birefnet.net:published",
        unused=("decoder.conv_ms_spvn_", "decoder.gdt_convs_pred_"),  # heads that only training needs
        tflop=2.45,
        takes_half=True,
    ),
    WeightSet(
        "depth-small",
        "Depth Anything V2 Small",
        "depth-anything/Depth-Anything-V2-Small-hf",
        "5426e4f0f36572d16453bbda7a8389317b1bef99",
        "Apache-2.0",
        (
            WeightFile(
                "model.safetensors",
                99_173_660,
                "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
            ),
        ),
        "img2model_desktop.engines.depth.net:published",
        tflop=0.115,
        takes_half=True,
    ),
    WeightSet(
        "triposr",
        "TripoSR",
        "stabilityai/TripoSR",
        "",
        "MIT",
        (
            WeightFile(
                "model.ckpt",
                1_677_246_742,
                "429e2c6b22a0923967459de24d67f05962b235f79cde6b032aa7ed2ffcd970ee",
            ),
            WeightFile(
                "config.yaml",
                987,
                "74ca708ce086bf68e97709ea6b3d91f14717921c04691e84043f0eb8fcc68e62",
                is_needed=False,
            ),
        ),
        "img2model_desktop.engines.triposr.net:published",
        tflop=3.0,
        takes_half=True,
    ),
)


def find(key: str) -> WeightSet:
    """The set with this key. Raises InputProblem."""
    for entry in SETS:
        if entry.key == key:
            return entry
    raise InputProblem(f"There are no weights “{key}”.", f"There are: {', '.join(entry.key for entry in SETS)}.")
