"""Pictures from words, and pictures redrawn by words, with a diffusers folder that the user owns.

Nothing is fetched and no code of a folder is run: `pipelines` has looked at it before, and only the classes of
diffusers and transformers themselves are loaded, from safetensors.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for _name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY"):
    os.environ[_name] = "1"  # before the libraries are imported, which look at them only then
for _name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
    os.environ.setdefault(_name, "error")

import diffusers  # noqa: E402 - after the environment
import numpy as np  # noqa: E402 - after the environment
import torch  # noqa: E402 - after the environment
import transformers  # noqa: E402 - after the environment
from PIL import Image  # noqa: E402 - after the environment

from img2model_desktop.core.picture import Picture  # noqa: E402 - after the environment
from img2model_desktop.core.progress import Progress  # noqa: E402 - after the environment
from img2model_desktop.engines.catalog import PromptOptions  # noqa: E402 - after the environment
from img2model_desktop.engines.device import Device, choose, memory_watched, release  # noqa: E402 - after the environment
from img2model_desktop.engines.prompt.words import SIZE_UNIT, Wish, too_long, wish_for  # noqa: E402 - after the environment
from img2model_desktop.engines.styles import Styles  # noqa: E402 - after the environment
from img2model_desktop.engines.weights.pipelines import LEFT_OUT, Pipeline, Pipelines  # noqa: E402 - after the environment
from img2model_desktop.errors import EngineProblem, SetupProblem  # noqa: E402 - after the environment

LOADED, ENCODED, DRAWN = 0.2, 0.25, 0.9  # of the progress: when each phase has ended
PLAIN = (236, 236, 236)  # colour behind a cut-out subject that is redrawn
ROOM = 1.3  # a card that holds so much more than the weights keeps them all
HALVES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline", "LatentConsistencyModelPipeline")  # safe in float16
CLIP_TOKENS = 77

vars(diffusers.pipelines.pipeline_utils)["tqdm"].monitor_interval = 0  # else each bar, hidden or not, starts a thread
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library states none


class Prompt:
    """The picture maker. It keeps the pipeline that it used last.

    Args:
        pipelines: of the library.
        styles: that the requests name.
        device: where it runs.
    """

    def __init__(self, pipelines: Pipelines, styles: Styles, device: Device) -> None:
        self._pipelines = pipelines
        self._styles = styles
        self._device = device
        self._pipe: Any = None
        self._redraws: Any = None
        self._is_for: tuple[Any, ...] = ()

    def make(self, prompt: str, style: str, options: PromptOptions, seed: int, progress: Progress) -> Picture:
        """See `engines.base.PictureMaker`; an opaque picture."""
        return self._run(None, (prompt, style), options, seed, progress)

    def restyle(
        self, picture: Picture, prompt: str, style: str, options: PromptOptions, seed: int, progress: Progress
    ) -> Picture:
        """See `engines.base.Restyler`; an opaque picture, its longest side the pipeline's own or `size_px`."""
        return self._run(picture, (prompt, style), options, seed, progress)

    def close(self) -> None:
        """Frees the pipeline."""
        self._pipe = self._redraws = None
        self._is_for = ()
        release(self._device)

    def _run(
        self, picture: Picture | None, words: tuple[str, str], options: PromptOptions, seed: int, progress: Progress
    ) -> Picture:
        progress.update(0.0)
        entry = self._pipelines.find(options.pipeline)
        prompt, style = words
        wish = wish_for(entry, self._styles.find(style), prompt, options, is_restyle=picture is not None)
        with memory_watched(self._device):
            pipe = self._loaded(entry, options.memory, progress.part(0.0, LOADED))
            if not options.cut_long:
                refuse_long(pipe, entry, wish)
            if picture is not None:
                pipe = self._redrawing(pipe)
            made = _call(pipe, entry, wish, picture, seed, progress)
        progress.update(1.0)
        return made

    def _loaded(self, entry: Pipeline, memory: str, progress: Progress) -> Any:
        """The pipeline with its weights, where it runs; the one that was there when nothing about it has changed."""
        wanted = (entry.path, entry.files, _stamp(entry), memory)
        if self._pipe is None or self._is_for != wanted:
            self.close()  # before the other one is loaded: memory may not hold both
            pipe = load_pipeline(entry, _dtype(self._device, entry, memory), progress)
            self._place(pipe, entry, memory)
            self._pipe, self._is_for = pipe, wanted
        return self._pipe

    def _redrawing(self, pipe: Any) -> Any:
        if self._redraws is None:
            self._redraws = diffusers.AutoPipelineForImage2Image.from_pipe(pipe)
            self._redraws.set_progress_bar_config(disable=True)
            if hasattr(pipe, "_offload_device"):  # its hooks belong to one pipeline
                self._redraws.enable_model_cpu_offload(device=self._device.device)
        return self._redraws

    def _place(self, pipe: Any, entry: Pipeline, memory: str) -> None:
        """Brings the pipeline to its device, whole or part by part."""
        if memory in ("parts", "layers") and hasattr(pipe.vae, "enable_tiling"):
            pipe.vae.enable_tiling()
            pipe.vae.enable_slicing()
        if self._device.is_cpu:
            return
        if memory == "layers":
            pipe.enable_sequential_cpu_offload(device=self._device.device)
        elif memory == "parts" or (memory == "auto" and not self._has_room(entry)):
            pipe.enable_model_cpu_offload(device=self._device.device)
        else:
            pipe.to(self._device.device)

    def _has_room(self, entry: Pipeline) -> bool:
        """Whether the card has room for all parts at once, by the size of their files."""
        kind = self._device.device.type
        if kind == "cuda":
            return int(torch.cuda.mem_get_info(self._device.device)[0]) > ROOM * entry.bytes
        if kind == "xpu":
            return int(torch.xpu.mem_get_info(self._device.device)[0]) > ROOM * entry.bytes
        return True


def load(folder: Path) -> Prompt:
    """The picture maker with the pipelines of a library.

    Args:
        folder: `pipelines.PLACE` in the library.

    Raises:
        SetupProblem: there is no pipeline that can be used.
    """
    pipelines = Pipelines(folder.parent)
    pipelines.find()
    return Prompt(pipelines, Styles(), choose())


def load_pipeline(entry: Pipeline, dtype: torch.dtype, progress: Progress) -> Any:
    """The text-to-image pipeline of a folder, on the processor.

    Args:
        entry: that was recognised.
        dtype: of its weights.
        progress: by bytes of its parts.

    Raises:
        SetupProblem: its files and its classes do not go together.
        Cancelled: the user wants to stop.
    """
    with_weights = {path.partition("/")[0] for path, _, _ in entry.files if ".safetensors" in path}
    sizes = {
        name: sum(size for path, size, _ in entry.files if path.startswith(f"{name}/")) for name, _, _ in entry.parts
    }
    parts: dict[str, Any] = {}
    done, total = 0, max(sum(sizes.values()), 1)
    try:
        for name, library, class_name in entry.parts:
            progress.update(done / total * 0.9)
            if name in with_weights:
                parts[name] = _load_part(entry, name, library, class_name, dtype)
            done += sizes[name]
        progress.update(0.9)
        pipe = diffusers.AutoPipelineForText2Image.from_pretrained(  # type: ignore[no-untyped-call]  # the library states none
            entry.path, local_files_only=True, use_safetensors=True, dtype=dtype, **parts, **_without(entry)
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as problem:
        raise SetupProblem(
            f"{entry.title} could not be loaded: its files and its classes do not go together.",
            "Copy or fetch the whole folder again, or use another pipeline.",
            f"{type(problem).__name__}: {problem}"[:2000],
        ) from None
    if type(pipe).__name__ != entry.class_name:
        raise SetupProblem(f"{entry.title} is a {type(pipe).__name__} in truth.", "Import the folder again.")
    pipe.set_progress_bar_config(disable=True)
    progress.update(1.0)
    return pipe


def refuse_long(pipe: Any, entry: Pipeline, wish: Wish) -> None:
    """Raises InputProblem for words that the pipeline would not read to their end."""
    for text, is_negative in ((wish.prompt, False), (wish.negative, True)):
        for tokenizer, limit in _tokenizers(pipe, entry):
            marks = tokenizer.num_special_tokens_to_add() if hasattr(tokenizer, "num_special_tokens_to_add") else 0
            ids = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
            room = limit - marks
            if len(ids) > room:
                cut = _end_of(text, tokenizer, ids, room)
                raise too_long(entry.title, text, cut, (len(ids), room), is_negative=is_negative)


def _end_of(text: str, tokenizer: Any, ids: list[int], room: int) -> str:
    """What of a text lies behind as many tokens as there is room for."""
    if not getattr(tokenizer, "is_fast", False):
        return str(tokenizer.decode(ids[room:])).strip()
    told = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return text[told["offset_mapping"][room][0] :].strip(" ,")


def _tokenizers(pipe: Any, entry: Pipeline) -> list[tuple[Any, int]]:
    """Those that a prompt must fit, and how many tokens each takes.

    Where a large text encoder reads the prompt as well, what the small one leaves out is not lost.
    """
    there = [getattr(pipe, name, None) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
    plain = [one.tokenizer if isinstance(one, transformers.ProcessorMixin) else one for one in there]
    found = [tokenizer for tokenizer in plain if tokenizer is not None]
    if entry.kind.most_tokens > CLIP_TOKENS:
        large = [one for one in found if getattr(one, "model_max_length", 0) != CLIP_TOKENS]
        return [(large[-1], entry.kind.most_tokens)] if large else [(one, CLIP_TOKENS) for one in found]
    return [(one, min(one.model_max_length, CLIP_TOKENS)) for one in found]


def _load_part(entry: Pipeline, name: str, library: str, class_name: str, dtype: torch.dtype) -> Any:
    made_by = getattr(diffusers if library == "diffusers" else transformers, class_name)
    dotted = f".{entry.variant}." if entry.variant else ""
    has_variant = any(path.startswith(f"{name}/") and dotted in path for path, _, _ in entry.files) if dotted else False
    part = made_by.from_pretrained(
        entry.path,
        subfolder=name,
        local_files_only=True,
        use_safetensors=True,
        variant=entry.variant if has_variant else None,
        dtype=dtype,
    )
    return part.eval()


def _without(entry: Pipeline) -> dict[str, Any]:
    """The parts that are left out: what they would do is not wanted here, or done by ourselves."""
    can_do_without = getattr(diffusers, entry.class_name)._optional_components
    left_out: dict[str, Any] = dict.fromkeys(name for name in LEFT_OUT if name in can_do_without)
    return left_out | ({"requires_safety_checker": False} if "safety_checker" in left_out else {})


def _call(pipe: Any, entry: Pipeline, wish: Wish, picture: Picture | None, seed: int, progress: Progress) -> Picture:
    """One picture. Raises Cancelled, EngineProblem."""
    watch = _Watch(progress)

    def on_step_end(_pipe: Any, step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
        watch.step(step + 1, max(int(getattr(pipe, "num_timesteps", 0) or wish.steps), 1))
        return kept

    arguments = _arguments(pipe, entry, wish, picture)
    generator = torch.Generator("cpu").manual_seed(seed)
    try:
        with torch.inference_mode(), watch.over(pipe), _even_noise(pipe):
            made = pipe(**arguments, generator=generator, callback_on_step_end=on_step_end, output_type="np")
    finally:
        pipe.maybe_free_model_hooks()  # what ends in the middle leaves a part on the card
    image = np.asarray(made.images[0], np.float32)
    if not np.isfinite(image).all():
        raise EngineProblem(
            f"{entry.title} made no picture: its numbers grew beyond what this precision holds.",
            "Choose another seed, fewer steps, or another pipeline.",
        )
    rgb = np.round(np.clip(image[..., :3], 0.0, 1.0) * 255.0).astype(np.uint8)
    return Picture.own(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))


def _arguments(pipe: Any, entry: Pipeline, wish: Wish, picture: Picture | None) -> dict[str, Any]:
    """Of the pipeline's call, but for the seed and the way it reports."""
    arguments: dict[str, Any] = {"prompt": wish.prompt, "num_inference_steps": wish.steps}
    if wish.guidance is not None:
        arguments[entry.kind.guided_by] = wish.guidance
    if wish.negative:
        arguments["negative_prompt"] = wish.negative
    takes_size = "width" in pipe.__call__.__code__.co_varnames
    if picture is None:
        if wish.size_px:
            arguments |= {"width": wish.size_px, "height": wish.size_px}
        return arguments
    image = on_plain_ground(picture, wish.size_px or own_size(pipe))
    if takes_size:
        arguments |= {"width": image.width, "height": image.height}
    return arguments | {"image": image, "strength": wish.strength}


def own_size(pipe: Any) -> int:
    """The side of the pictures that a pipeline was made for, px."""
    net = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    side = getattr(pipe, "default_sample_size", None) or getattr(getattr(net, "config", None), "sample_size", None)
    factor = int(getattr(pipe, "vae_scale_factor", 8))
    return int(side) * factor if isinstance(side, int) else 1024


def on_plain_ground(picture: Picture, longest_px: int) -> Image.Image:
    """A picture that is redrawn: before a plain ground, its longest side as wished, sides multiples of `SIZE_UNIT`."""
    share = picture.alpha[..., None].astype(np.float32) / 255.0
    rgb = np.round(picture.rgb * share + np.array(PLAIN, np.float32) * (1.0 - share)).astype(np.uint8)
    scale = longest_px / max(picture.width, picture.height)
    sides = [max(SIZE_UNIT, round(side * scale / SIZE_UNIT) * SIZE_UNIT) for side in (picture.width, picture.height)]
    return Image.fromarray(rgb).resize((sides[0], sides[1]), Image.Resampling.LANCZOS)


class _Watch:
    """Tells the progress from inside a pipeline's networks, and stops there."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps = (0, 1)
        self._at = LOADED

    def step(self, done: int, steps: int) -> None:
        """A step has ended."""
        self._steps = (done, steps)
        self._at = ENCODED + (DRAWN - ENCODED) * min(done / steps, 1.0)
        self._progress.update(self._at)

    @contextlib.contextmanager
    def over(self, pipe: Any) -> Iterator[None]:
        """While it lasts, every block of the pipeline's networks looks first whether to go on."""
        nets = [(name, part) for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)]
        handles = []
        try:
            for name, net in nets:
                low, high = self._phase(name)
                blocks = [block for kind in net.modules() if isinstance(kind, torch.nn.ModuleList) for block in kind]
                for number, block in enumerate(blocks):
                    handles.append(
                        block.register_forward_pre_hook(self._look(low + (high - low) * number / len(blocks)))
                    )
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _phase(self, name: str) -> tuple[float, float]:
        if name.startswith("text_encoder"):
            return LOADED, ENCODED
        return (DRAWN, 0.99) if name == "vae" else (0.0, 0.0)  # steps tell for themselves

    def _look(self, fraction: float) -> Callable[..., None]:
        def look(*_: Any) -> None:
            at_end = self._steps[0] >= self._steps[1] or fraction < ENCODED
            self._at = max(self._at, fraction) if at_end else self._at
            self._progress.update(self._at)

        return look


@contextlib.contextmanager
def _even_noise(pipe: Any) -> Iterator[None]:
    """Noise is drawn in float32 on the processor whatever the precision, so that a seed means the same everywhere."""
    classes = [type(pipe), type(pipe.scheduler), type(getattr(pipe, "vae", pipe))]
    modules = {sys.modules[kind.__module__] for kind in classes}
    modules.add(sys.modules["diffusers.models.autoencoders.vae"])
    drawing = {module: module.randn_tensor for module in modules if hasattr(module, "randn_tensor")}

    def even(shape: Any, generator: Any = None, device: Any = None, dtype: Any = None, **_: Any) -> Any:
        noise = torch.randn(tuple(shape), generator=generator, dtype=torch.float32)
        return noise.to(device=device or "cpu", dtype=dtype)

    try:
        for module in drawing:
            vars(module)["randn_tensor"] = even
        yield
    finally:
        for module, own in drawing.items():
            vars(module)["randn_tensor"] = own


def _dtype(device: Device, entry: Pipeline, memory: str) -> torch.dtype:
    if device.is_cpu:
        return torch.bfloat16 if memory in ("parts", "layers") else device.dtype
    if device.dtype == torch.float32 and entry.class_name in HALVES:
        return torch.float16
    return device.dtype


def _stamp(entry: Pipeline) -> tuple[int, ...]:
    return tuple((entry.path / path).stat().st_mtime_ns for path, _, _ in entry.files)
