"""Styles of pictures that are made from words: presets tuned for 3D, which the user may change, add to and take back.

A mesh comes out best from one object, whole, centred, before a plain background, seen from a little above and to the
side, without a shadow: each preset asks for that in words.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from img2model_desktop import paths
from img2model_desktop.core import atomic
from img2model_desktop.errors import InputProblem

NONE = "none"
WORDS = "{prompt}"  # in a template: where the user's words go
FILE = "styles.json"  # in the data folder: what differs from the presets
MAX_TEXT = 600  # characters of a template or of negative words
MAX_TITLE = 40
MAX_STYLES = 64
GUIDANCE = (0.25, 2.0)
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SETTING = "single object, centred, plain background, three-quarter view, no shadow"
_UNWANTED = "several objects, cropped, scene, busy background, floor, shadow, text, watermark, blurry"


@dataclass(frozen=True, slots=True)
class Style:
    """How words become the whole prompt.

    Args:
        key: short, lower case; stored in requests.
        title: for people.
        template: of the prompt, with `{prompt}` once.
        negative: words for what is not wanted, or "".
        guidance: how closely the picture follows the prompt, times what the pipeline suggests.
    """

    key: str
    title: str
    template: str = WORDS
    negative: str = ""
    guidance: float = 1.0

    def prompt(self, words: str) -> str:
        """The whole prompt for the user's words."""
        return self.template.replace(WORDS, words.strip())

    def negative_with(self, words: str) -> str:
        """The negative words of the style and the user's own."""
        return ", ".join(part for part in (words.strip(), self.negative.strip()) if part)


def _preset(key: str, title: str, look: str, unwanted: str, guidance: float = 1.0) -> Style:
    return Style(key, title, f"{WORDS}, {look}, {_SETTING}", f"{unwanted}, {_UNWANTED}", guidance)


PRESETS: tuple[Style, ...] = (
    _preset("product-photo", "Product photo", "studio product photo, sharp focus, soft light", "drawing, sketch"),
    _preset("clay", "Clay", "sculpted in matte grey clay, smooth soft forms", "glossy, colourful", 1.1),
    _preset("cartoon", "Cartoon", "3D cartoon render, rounded simple shapes, bright colours", "photo, noise", 1.1),
    _preset("low-poly", "Low poly", "low poly 3D model, large flat facets, few colours", "photo, fine detail", 1.2),
    _preset("toy", "Toy", "plastic toy, chunky rounded parts, solid colours", "thin parts, skin", 1.1),
    _preset("realistic", "Realistic", "highly detailed, natural materials, soft light", "drawing, cartoon"),
    Style(NONE, "None"),
)


class Styles:
    """The presets with the user's changes.

    Args:
        file: that holds the changes; None: `styles.json` in the data folder. It need not be there.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or paths.data_dir() / FILE

    def all(self) -> tuple[Style, ...]:
        """Every style: the presets in their order, changed or not, without those taken out; then the user's own."""
        own = {style.key: style for style in self._own()}
        removed = self._removed()
        presets = [own.get(preset.key, preset) for preset in PRESETS if preset.key not in removed]
        known = {preset.key for preset in PRESETS}
        return (*presets, *(style for key, style in own.items() if key not in known))

    def find(self, key: str) -> Style:
        """The style with a key; with "" the first. Raises InputProblem, which lists those there are."""
        styles = self.all()
        if not key:
            return styles[0]
        for style in styles:
            if style.key == key:
                return style
        have = ", ".join(style.key for style in styles)
        raise InputProblem(f"There is no style “{key}”.", f"Choose one of: {have}.")

    def is_preset(self, key: str) -> bool:
        """Whether the program brought it, changed or not."""
        return any(preset.key == key for preset in PRESETS)

    def is_changed(self, key: str) -> bool:
        """Whether the user changed a preset."""
        return self.is_preset(key) and any(style.key == key for style in self._own())

    def put(self, style: Style) -> None:
        """Adds a style, or takes the place of the one with its key.

        Raises:
            InputProblem: a part of it is not usable.
            SetupProblem: the data folder may not be written.
        """
        check(style)
        own = {one.key: one for one in self._own()}
        own[style.key] = style
        if len(own) > MAX_STYLES:
            raise InputProblem(f"There are {MAX_STYLES} styles already.", "Remove one first.")
        if style in PRESETS:
            del own[style.key]
        self._write(own.values(), self._removed() - {style.key})

    def remove(self, key: str) -> None:
        """Takes a style out; a preset comes back with `reset`. Raises InputProblem, SetupProblem."""
        self.find(key)
        if key == NONE:
            raise InputProblem("This style adds no words, and stays.", "Remove another one.")
        own = [style for style in self._own() if style.key != key]
        removed = self._removed() | ({key} if self.is_preset(key) else frozenset())
        self._write(own, removed)

    def reset(self, key: str = "") -> None:
        """A preset as the program brought it; with "" all of them, and the user's own styles stay.

        Raises:
            SetupProblem: the data folder may not be written.
        """
        own = [style for style in self._own() if not (style.key == key or (not key and self.is_preset(style.key)))]
        self._write(own, self._removed() - {key} if key else frozenset())

    def new_key(self, title: str) -> str:
        """A free key for a title."""
        plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:36] or "style"
        taken = {style.key for style in (*self.all(), *PRESETS)}
        number, key = 1, plain
        while key in taken:
            number += 1
            key = f"{plain}-{number}"
        return key

    def _read(self) -> dict[str, object]:
        """What the file says; empty where there is none or it is damaged: the presets are always there."""
        try:
            read = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    def _own(self) -> list[Style]:
        found = []
        listed = self._read().get("styles")
        for plain in listed if isinstance(listed, list) else ():
            try:
                style = Style(**plain)
                check(style)
            except (TypeError, InputProblem, AttributeError):  # edited by hand: what is right in the file still holds
                continue
            found.append(style)
        return found

    def _removed(self) -> frozenset[str]:
        listed = self._read().get("removed")
        return frozenset(str(key) for key in listed) if isinstance(listed, list) else frozenset()

    def _write(self, own: Iterable[Style], removed: Iterable[str]) -> None:
        plain = {"version": 1, "styles": [asdict(style) for style in own], "removed": sorted(removed)}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise atomic.setup_problem(problem, self._file) from None
        atomic.write_file(self._file, (json.dumps(plain, ensure_ascii=False, indent=2) + "\n").encode())


def whole_words(words: str, key: str) -> dict[str, str]:
    """What a recipe says of a style: the whole prompt and the style's negative words, as they were when it was used."""
    style = Styles().find(key)
    return {"whole_prompt": style.prompt(words), "style_negative": style.negative}


def check(style: Style) -> None:
    """Raises InputProblem for a style that cannot be used."""
    texts = (style.key, style.title, style.template, style.negative)
    if not all(isinstance(text, str) for text in texts):
        raise InputProblem("A style's key, title and words must be text.", "Change them.")
    if not _KEY.fullmatch(style.key):
        raise InputProblem(f"“{style.key}” cannot be a style's key.", "Use small letters, digits and hyphens.")
    if not style.title.strip() or len(style.title) > MAX_TITLE:
        raise InputProblem("A style needs a title.", f"Give it one of at most {MAX_TITLE} characters.")
    if style.template.count(WORDS) != 1:
        raise InputProblem(
            f"The words of “{style.title}” must hold {WORDS} once: there your own words go.", f"Write “{WORDS}, …”."
        )
    if max(len(style.template), len(style.negative)) > MAX_TEXT:
        raise InputProblem(f"The words of “{style.title}” are too long.", f"Shorten them to {MAX_TEXT} characters.")
    low, high = GUIDANCE
    guidance = style.guidance
    if isinstance(guidance, bool) or not isinstance(guidance, (int, float)) or not low <= guidance <= high:
        raise InputProblem(f"The guidance of “{style.title}” is not usable.", f"Choose {low:g} to {high:g} times.")
