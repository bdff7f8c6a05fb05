"""What a pipeline is asked for: the style's and the user's words and numbers, held against what its class takes."""

from dataclasses import dataclass

from img2model_desktop.engines.catalog import PromptOptions
from img2model_desktop.engines.styles import Style
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.errors import InputProblem

LEAST_GUIDED = 1.0  # of the guidance: up to here a pipeline looks at the prompt alone
SIZE_UNIT = 16  # px: every class takes sides that are whole multiples of it
LEAST_STEPS = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a pipeline's call gets.

    Args:
        prompt: the whole one.
        negative: words for what is not wanted, or "".
        steps: 1 or more; of a picture that is redrawn, `strength` of them run.
        guidance: as its class takes it, or None.
        size_px: of both sides; 0: the pipeline's own.
        strength: how much of the picture that is redrawn changes, 0..1.
    """

    prompt: str
    negative: str
    steps: int
    guidance: float | None
    size_px: int
    strength: float


def wish_for(entry: Pipeline, style: Style, prompt: str, options: PromptOptions, *, is_restyle: bool) -> Wish:
    """What to ask a pipeline for.

    Raises:
        InputProblem: an option that this pipeline does not take; nothing that the user said is left out silently.
    """
    kind = entry.kind
    if is_restyle and not kind.restyles:
        raise InputProblem(
            f"{entry.title} makes pictures from words and does not redraw one.",
            "Use a Stable Diffusion, FLUX.1, Z-Image or Qwen-Image pipeline for that.",
        )
    if options.size_px % SIZE_UNIT:
        raise InputProblem(
            f"The picture's size cannot be {options.size_px} px.", f"Choose a multiple of {SIZE_UNIT} px."
        )
    guidance = entry.guidance if options.guidance == 0 else options.guidance
    if guidance is not None and options.guidance == 0 and guidance > LEAST_GUIDED:
        guidance = round(guidance * style.guidance, 3)
    is_guided = kind.has_negative and guidance is not None and guidance > LEAST_GUIDED
    if options.negative.strip() and not is_guided:
        raise InputProblem(
            f"{entry.title} takes no negative words."
            if not kind.has_negative
            else f"Negative words do nothing with {entry.title} at the guidance {guidance or 0:g}.",
            "Leave them out."
            if not kind.has_negative
            else f"Leave them out, or choose a guidance above {LEAST_GUIDED:g}.",
        )
    steps = options.steps or entry.steps
    if is_restyle and options.steps == 0:
        steps = max(LEAST_STEPS, round(steps / options.strength))  # as many steps run as for a new picture
    elif is_restyle and int(steps * options.strength) < LEAST_STEPS:
        raise InputProblem(
            f"At the strength {options.strength:g}, {steps} steps are too few to change anything.",
            "Choose more steps, or a higher strength.",
        )
    negative = style.negative_with(options.negative) if is_guided else ""
    return Wish(style.prompt(prompt), negative, steps, guidance, options.size_px, options.strength)


def too_long(title: str, text: str, cut: str, limits: tuple[int, int], *, is_negative: bool) -> InputProblem:
    """What to say of words that a pipeline would not read to their end.

    Args:
        title: of the pipeline.
        text: all of them.
        cut: what would be left out at the end.
        limits: tokens that there are and that it reads.
        is_negative: they are the negative ones.
    """
    have, read = limits
    which = "negative words have" if is_negative else "prompt, with its style, has"
    shown = cut if len(cut) <= 80 else f"{cut[:79]}…"
    return InputProblem(
        f"The {which} {have} tokens and {title} reads {read}: “{shown}” at the end would be left out.",
        "Shorten it, choose the style “none”, or let “Cut the end” (cut_long) leave that out.",
        text,
    )
