"""The user's own folders for making pictures from words, as diffusers writes them: linked, never copied or changed.

    <library>/diffusers/<name>/pipeline.json    where the folder is, of which class, sizes, licence

A folder is recognised by its `model_index.json`; only classes of a white list are taken, only safetensors are read, and
nothing that brings code of its own.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.found import UNKNOWN_LICENCE, card_licence, hash_of_blob, where_from
from img2model_desktop.engines.weights.headers import megabytes, read_header
from img2model_desktop.errors import InputProblem, SetupProblem

PLACE = "diffusers"  # in the library; also what `EngineSpec.weights` says
RECORD = "pipeline.json"
INDEX = "model_index.json"
LIBRARIES = ("diffusers", "transformers")
VARIANTS = ("", "fp16", "bf16")  # of files: in doubt the first
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack")
MAX_JSON = 5_000_000  # bytes of a configuration
CHUNK = 4_000_000  # bytes between two looks at the progress
LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder")  # the program loads none of them
_WITHOUT_WEIGHTS = re.compile(r"(Scheduler|Tokenizer(Fast)?|Processor(Fast|Pil)?|FeatureExtractor)$")
_FAST = re.compile(r"turbo|schnell|lightning|hyper|lcm|distil|klein", re.IGNORECASE)
_SLUG = re.compile(r"[^a-z0-9.]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of pipelines that is taken, and what its call takes. From the signatures of diffusers 0.42.1.

    Args:
        title: for people.
        steps: that it suggests.
        guidance: that it suggests; None where it takes none.
        fast: steps and guidance of its distilled variants ("turbo", "schnell", ...), or None.
        guided_by: name of the argument of the guidance.
        has_negative: whether it takes negative words.
        restyles: whether there is an image-to-image pipeline from the same parts.
        most_tokens: that it reads of a prompt, the two that mark start and end among them.
    """

    title: str
    steps: int
    guidance: float | None
    most_tokens: int
    fast: tuple[int, float] | None = None
    guided_by: str = "guidance_scale"
    has_negative: bool = True
    restyles: bool = False


KINDS: Mapping[str, Kind] = {
    "StableDiffusionPipeline": Kind("Stable Diffusion", 30, 7.5, 77, (4, 1.0), restyles=True),
    "StableDiffusionXLPipeline": Kind("Stable Diffusion XL", 30, 5.0, 77, (4, 0.0), restyles=True),
    "StableDiffusion3Pipeline": Kind("Stable Diffusion 3", 28, 7.0, 256, (4, 1.0), restyles=True),
    "LatentConsistencyModelPipeline": Kind("Latent Consistency", 6, 8.5, 77, has_negative=False, restyles=True),
    "FluxPipeline": Kind("FLUX.1", 28, 3.5, 512, (4, 0.0), has_negative=False, restyles=True),
    "Flux2Pipeline": Kind("FLUX.2", 50, 4.0, 512, has_negative=False),
    "Flux2KleinPipeline": Kind("FLUX.2 klein", 50, 4.0, 512, (4, 1.0), has_negative=False),
    "ZImagePipeline": Kind("Z-Image", 50, 5.0, 512, (9, 0.0), restyles=True),
    "QwenImagePipeline": Kind("Qwen-Image", 50, 4.0, 512, (8, 1.0), "true_cfg_scale", restyles=True),
    "SanaPipeline": Kind("Sana", 20, 4.5, 300),
    "ChromaPipeline": Kind("Chroma", 35, 5.0, 512),
    "Lumina2Pipeline": Kind("Lumina 2", 30, 4.0, 256),
    "AuraFlowPipeline": Kind("AuraFlow", 50, 3.5, 256),
    "CogView4Pipeline": Kind("CogView4", 50, 5.0, 1024),
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A folder that was recognised, or that is in the library.

    Args:
        name: short and unique in the library; what the option `pipeline` takes.
        path: of the folder with `model_index.json`.
        class_name: of the white list `KINDS`.
        files: `((path, bytes, sha256), ...)` that are read, relative; the sha256 is "" until it is known.
        parts: `((name, library, class name), ...)` of its components.
        variant: of the files, "" or such as "fp16".
        licence: what its card says, or "".
        source: owner/name of the hub repository, where its place tells, else "".
        added: when, ISO 8601 UTC; "" before.
        verified: when its files were read through last, or "".
        problem: why it cannot be used any more, a sentence, or "".
    """

    name: str
    path: Path
    class_name: str
    files: tuple[tuple[str, int, str], ...]
    parts: tuple[tuple[str, str, str], ...]
    variant: str = ""
    licence: str = ""
    source: str = ""
    added: str = ""
    verified: str = ""
    problem: str = ""

    @property
    def kind(self) -> Kind:
        """What its class takes."""
        return KINDS[self.class_name]

    @property
    def title(self) -> str:
        """For people: "Stable Diffusion XL (my-folder)"."""
        return f"{self.kind.title} ({self.name})"

    @property
    def bytes(self) -> int:
        """Of the files that are read."""
        return sum(size for _, size, _ in self.files)

    @property
    def is_fast(self) -> bool:
        """Whether it was distilled to a few steps, as far as its name tells."""
        return self.kind.fast is not None and bool(_FAST.search(f"{self.source} {self.name} {self.path.name}"))

    @property
    def steps(self) -> int:
        """That it suggests."""
        return self.kind.fast[0] if self.is_fast and self.kind.fast else self.kind.steps

    @property
    def guidance(self) -> float | None:
        """That it suggests; None where it takes none."""
        return self.kind.fast[1] if self.is_fast and self.kind.fast else self.kind.guidance


class Pipelines:
    """The pipelines of one library.

    Args:
        folder: of the library of weights; it need not be there. None has none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = (folder or Path("none")) / PLACE

    def entries(self) -> tuple[Pipeline, ...]:
        """All, the newest first, by sizes alone; those that are gone or have changed say so in `problem`."""
        found = [_read_record(path) for path in self._folder.glob(f"*/{RECORD}")]
        there = [_looked_at(entry) for entry in found if entry]
        return tuple(sorted(there, key=lambda entry: (entry.added, entry.name), reverse=True))

    def find(self, name: str = "") -> Pipeline:
        """The one with a name; with "" the newest that can be used.

        Raises:
            SetupProblem: there is none, or not that one, or it cannot be used any more; it says what to do.
        """
        entries = self.entries()
        if not entries:
            raise no_pipeline()
        usable = [entry for entry in entries if not entry.problem]
        if not name:
            entry = usable[0] if usable else entries[0]
        else:
            named = [entry for entry in entries if entry.name == name]
            if not named:
                have = ", ".join(entry.name for entry in entries)
                raise SetupProblem(f"There is no pipeline “{name}”.", f"Import it, or use one of: {have}.")
            entry = named[0]
        if entry.problem:
            raise SetupProblem(entry.problem, "Import the folder again.")
        return entry

    def folder(self, name: str = "") -> Path:
        """Where the files of a pipeline are; see `find`."""
        return self.find(name).path

    @property
    def place(self) -> Path:
        """Where the library keeps what it knows of them, for the engine. Raises SetupProblem where there is none."""
        self.find()
        return self._folder

    def licence(self, name: str = "") -> str:
        """Of a pipeline, as its card says it, or "unknown"."""
        try:
            return self.find(name).licence or UNKNOWN_LICENCE
        except SetupProblem:
            return UNKNOWN_LICENCE

    def add(self, path: Path) -> Pipeline:
        """Takes a folder in: it stays where it is, and must stay there.

        Raises:
            SetupProblem: it is none that this program can use; it says why.
        """
        found = recognise(path)
        entries = self.entries()
        again = next((entry for entry in entries if entry.path == found.path), None)
        name = again.name if again else _unique(found.name, {entry.name for entry in entries})
        added = replace(found, name=name, added=_now())
        self._write(added)
        return added

    def remove(self, name: str) -> None:
        """Takes a pipeline out of the library; the user's folder stays as it is.

        Raises:
            InputProblem: there is none with that name.
            SetupProblem: the library may not be written.
        """
        target = self._folder / name
        if not name or target.parent != self._folder or not (target / RECORD).is_file():
            raise InputProblem(f"There is no pipeline “{name}”.", "See “img2model weights list” for those there are.")
        try:
            shutil.rmtree(target)
        except OSError as problem:
            raise atomic.setup_problem(problem, target) from None

    def verify(self, name: str, progress: Progress | None = None) -> Pipeline:
        """Reads the files of a pipeline through and compares sizes and sha256 with what is known of them.

        Raises:
            SetupProblem: one is gone, damaged or has changed.
            Cancelled: the user wants to stop.
        """
        progress = progress or Progress()
        entry = self.find(name)
        read_again = recognise(entry.path)
        total, done, files = max(entry.bytes, 1), 0, []
        for file, size, known in entry.files:
            sha256 = _hash(entry.path / file, progress.part(done / total, (done + size) / total))
            if known and known != sha256:
                raise SetupProblem(f"“{Path(file).name}” of {entry.title} has changed.", "Import the folder again.")
            files.append((file, size, sha256))
            done += size
        progress.update(1.0)
        verified = replace(read_again, name=entry.name, added=entry.added, files=tuple(files), verified=_now())
        self._write(verified)
        return verified

    def _write(self, entry: Pipeline) -> None:
        target = self._folder / entry.name / RECORD
        plain = {
            "version": 1,
            "name": entry.name,
            "path": str(entry.path),
            "class": entry.class_name,
            "variant": entry.variant,
            "licence": entry.licence,
            "source": entry.source,
            "added": entry.added,
            "verified": entry.verified,
            "parts": [list(part) for part in entry.parts],
            "files": [{"path": path, "bytes": size, "sha256": sha256} for path, size, sha256 in entry.files],
        }
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise atomic.setup_problem(problem, target.parent) from None
        atomic.write_file(target, (json.dumps(plain, ensure_ascii=False, indent=2) + "\n").encode())


def no_pipeline() -> SetupProblem:
    """What to say where there is none."""
    return SetupProblem(
        "Prompt needs a diffusers pipeline of your own, and there is none on this computer.",
        "Import one, such as Stable Diffusion XL or Z-Image: img2model weights import FOLDER",
    )


def is_pipeline(path: Path) -> bool:
    """Whether a file or folder is meant to be a pipeline, taken or not: it has a `model_index.json`."""
    return _root_of(path) is not None


def recognise(path: Path) -> Pipeline:
    """The pipeline in a folder: itself, its `model_index.json`, or the hub's cache of it.

    Raises:
        SetupProblem: it is none, of a class that is not taken, incomplete, damaged, with pickles instead of
            safetensors, or with code of its own.
    """
    if not path.exists():
        raise SetupProblem(f"“{path.name or path}” is not there.", "Choose a folder that is.")
    root = _root_of(path)
    if root is None:
        raise SetupProblem(
            f"“{path.name}” has no {INDEX}: it is no folder for making pictures from words.",
            "Choose the folder that holds it, as diffusers or the hub's cache has it.",
        )
    index = _read_json(root / INDEX)
    class_name = str(index.get("_class_name", ""))
    _check_class(root, class_name)
    _refuse_code(root)
    look = _Look(root)
    for name, value in index.items():
        if not name.startswith("_") and isinstance(value, list) and name not in LEFT_OUT:
            look.add(name, value)
    look.check(KINDS[class_name])
    source, _ = where_from(root / INDEX)
    return Pipeline(
        _slug(source.rpartition("/")[2] or root.name),
        root,
        class_name,
        look.files(),
        tuple(look.parts),
        look.variant,
        card_licence(root),
        source,
    )


@dataclass(slots=True)
class _Look:
    """What is found on the way through a folder."""

    root: Path
    parts: list[tuple[str, str, str]] = field(default_factory=list)
    variant: str = ""
    _weights: dict[str, dict[str, tuple[Path, ...]]] = field(default_factory=dict)

    def add(self, name: str, value: list[Any]) -> None:
        """One entry of the index. Raises SetupProblem."""
        if len(value) != 2 or value == [None, None]:
            return
        library, class_name = str(value[0]), str(value[1])
        folder = self.root / name
        if library not in LIBRARIES:
            raise SetupProblem(
                f"The part “{name}” of “{self.root.name}” needs the library “{library}”, whose code is not run here.",
                f"Use a pipeline whose parts are of {' and '.join(LIBRARIES)} alone.",
            )
        if folder.parent != self.root or not folder.is_dir():
            raise SetupProblem(
                f"“{self.root.name}” is incomplete: its part “{name}” is missing.",
                "Copy or fetch the whole folder again.",
            )
        self.parts.append((name, library, class_name))
        if _WITHOUT_WEIGHTS.search(class_name):
            if not any(folder.iterdir()):
                raise SetupProblem(f"The part “{name}” of “{self.root.name}” is empty.", "Copy the whole folder again.")
            return
        _check_configuration(folder)
        self._weights[name] = _weights_in(folder)

    def check(self, kind: Kind) -> None:
        """Whether there is enough, and which variant all parts have. Raises SetupProblem."""
        if not self._weights:
            raise SetupProblem(
                f"{INDEX} of “{self.root.name}” lists no parts with weights, which {kind.title} needs.",
                "Copy or fetch the whole folder again.",
            )
        lacking = {variant: [n for n, found in self._weights.items() if variant not in found] for variant in VARIANTS}
        whole = [variant for variant in VARIANTS if not lacking[variant]]
        # diffusers takes the plain file of a part that lacks the variant, but not the other way round
        mixed = [v for v in VARIANTS[1:] if all("" in self._weights[name] for name in lacking[v])]
        if not whole and not mixed:
            name = lacking[""][0]
            raise SetupProblem(
                f"The parts of “{self.root.name}” do not go together: “{name}” is there only as "
                f"{' and '.join(self._weights[name])}.",
                "Copy or fetch the whole folder again.",
            )
        self.variant = (whole or mixed)[0]

    def files(self) -> tuple[tuple[str, int, str], ...]:
        """The files that will be read, the index first."""
        found = [self.root / INDEX]
        for name, _, _ in self.parts:
            weights = self._weights.get(name, {})
            found += weights.get(self.variant) or weights.get("", ())
            texts = (path for path in sorted((self.root / name).iterdir()) if path.is_file())
            found += [path for path in texts if not _is_weights(path) and path not in found]
        return tuple(
            (path.relative_to(self.root).as_posix(), path.stat().st_size, hash_of_blob(path)) for path in found
        )


def _root_of(path: Path) -> Path | None:
    """The folder with `model_index.json` that is meant, or None."""
    if path.name == INDEX and path.is_file():
        return path.parent.absolute()
    if not path.is_dir():
        return None
    if (path / INDEX).is_file():
        return path.absolute()
    snapshots = path if path.name == "snapshots" else path / "snapshots"
    if snapshots.is_dir():
        main = snapshots.parent / "refs" / "main"
        named = snapshots / main.read_text(encoding="utf-8").strip() if main.is_file() else None
        if named is not None and named.parent == snapshots and (named / INDEX).is_file():
            return named.absolute()
    inside = [
        *path.glob(f"*/{INDEX}"),
        *path.glob(f"snapshots/*/{INDEX}"),
        *path.glob(f"models--*/snapshots/*/{INDEX}"),
    ]
    return inside[0].parent.absolute() if len(inside) == 1 else None


def _check_class(root: Path, class_name: str) -> None:
    if class_name in KINDS:
        return
    titles = ", ".join(kind.title for kind in KINDS.values())
    if not class_name:
        raise SetupProblem(f"{INDEX} of “{root.name}” does not say what it is.", "Copy or fetch the folder again.")
    raise SetupProblem(
        f"“{root.name}” is a {class_name}, which this program does not make pictures with.", f"It takes: {titles}."
    )


def _refuse_code(root: Path) -> None:
    """Raises SetupProblem for a folder that brings code: it would have to be run to use it."""
    for code in (*root.glob("*.py"), *root.glob("*/*.py")):
        raise SetupProblem(
            f"“{root.name}” brings code of its own (“{code.relative_to(root).as_posix()}”), which is not run here.",
            "Use a pipeline that needs none.",
        )


def _check_configuration(folder: Path) -> None:
    config = _read_json(folder / "config.json")
    if "auto_map" in config:
        raise SetupProblem(
            f"The part “{folder.name}” needs code of its own, which is not run here.", "Use a pipeline that needs none."
        )
    quantised = config.get("quantization_config")
    if isinstance(quantised, dict):
        how = str(quantised.get("quant_method") or quantised.get("quant_type") or "an unknown way")
        raise SetupProblem(
            f"The part “{folder.name}” is quantised by {how}, which this program does not have.",
            "Use the same pipeline in float16 or bfloat16.",
        )


def _weights_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The safetensors of one part, whole, by variant. Raises SetupProblem where there are none."""
    found: dict[str, tuple[Path, ...]] = {}
    for variant in VARIANTS:
        dotted = f".{variant}" if variant else ""
        for stem in ("diffusion_pytorch_model", "model"):
            for path in (
                folder / f"{stem}{dotted}.safetensors",
                folder / f"{stem}.safetensors.index{dotted}.json",
            ):
                if path.is_file() and variant not in found:
                    found[variant] = read_header(path).files
    if found:
        return found
    pickles = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICKLES]
    if pickles:
        raise SetupProblem(
            f"“{folder.name}/{pickles[0].name}” is a pickle, which can hold code: only safetensors files are read.",
            "Fetch the folder with its .safetensors files.",
        )
    raise SetupProblem(f"The part “{folder.name}” has no weights.", "Copy or fetch the whole folder again.")


def _is_weights(path: Path) -> bool:
    return path.suffix.lower() in (".safetensors", *PICKLES) or ".safetensors.index" in path.name


def _read_json(path: Path) -> dict[str, Any]:
    again = "Copy or fetch the folder again."
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError("too large")
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SetupProblem(f"“{path.parent.name}” is incomplete: {path.name} is missing.", again) from None
    except (OSError, ValueError, RecursionError) as problem:
        raise SetupProblem(f"{path.name} of “{path.parent.name}” is damaged.", again, str(problem)) from None
    if not isinstance(read, dict):
        raise SetupProblem(f"{path.name} of “{path.parent.name}” is damaged.", again)
    return read


def _read_record(path: Path) -> Pipeline | None:
    """What the library says of a pipeline; None where that is none of ours."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        entry = Pipeline(
            path.parent.name,
            Path(str(plain["path"])),
            str(plain["class"]),
            tuple((str(file["path"]), int(file["bytes"]), str(file["sha256"])) for file in plain["files"]),
            tuple((str(name), str(library), str(kind)) for name, library, kind in plain["parts"]),
            str(plain["variant"]),
            str(plain["licence"]),
            str(plain["source"]),
            str(plain["added"]),
            str(plain["verified"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return entry if entry.class_name in KINDS else None


def _looked_at(entry: Pipeline) -> Pipeline:
    """The entry with what is wrong with it, by sizes alone."""
    for file, size, _ in entry.files:
        path = entry.path / file
        try:
            have = path.stat().st_size
        except OSError:
            gone = entry.path if not entry.path.is_dir() else path
            return replace(entry, problem=f"“{gone.name}” of {entry.title} is no longer where it was.")
        if have != size:
            there = f"{megabytes(have)} of {megabytes(size)} are there"
            return replace(entry, problem=f"“{path.name}” of {entry.title} has changed: {there}.")
    return entry


def _hash(path: Path, progress: Progress) -> str:
    digest, done, total = hashlib.sha256(), 0, max(path.stat().st_size, 1)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                progress.update(min(done / total, 0.999))
    except OSError as problem:
        raise SetupProblem(f"“{path.name}” could not be read.", "Check that you may open it.", str(problem)) from None
    return digest.hexdigest()


def _slug(text: str) -> str:
    return _SLUG.sub("-", text.lower()).strip("-.")[:48] or "pipeline"


def _unique(name: str, taken: set[str]) -> str:
    number, wanted = 1, name
    while wanted in taken:
        number += 1
        wanted = f"{name}-{number}"
    return wanted


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
