"""What the words of a prompt are for, and how they break into lines. Pure text."""

import re
import unicodedata
from collections.abc import Callable

from img2model_desktop.errors import InputProblem

MOST_LETTERS = 120
MARKS = '"“”„«»‹›「」 \n'
MOST_LINES = 12
FEW_WORDS = 3  # so many words are lettered without further questions
# A pair of quotation marks of any language; a straight or curly single one only where it cannot be an apostrophe.
_QUOTED = re.compile(
    r"\"([^\"]+)\"|[“„”]([^“”„]+)[”“]|«([^»]+)»|‹([^›]+)›|「([^」]+)」"
    r"|(?<!\w)['‘]([^'‘’]{2,}(?:[’'](?=\w)[^'‘’]*)*)['’](?!\w)"
)
_ASKS = re.compile(r"^(an?|some|my|draw|paint|make|create|generate|render|sculpt|model|photo|picture|image)\b", re.I)


def words_to_letter(prompt: str) -> str:
    """The words that a prompt wants to see as letters; lines are parted by newlines.

    The rule, in full: what stands in quotation marks is lettered, and only that. Without any, up to three words are
    lettered, and so is anything that looks like a title or a sign: each word of four letters or more begins with a
    capital or a digit, or the text has several lines. What begins like a wish for a thing ("a", "an", "draw", ...)
    and anything longer in running small letters describes a picture, which letters cannot show.

    Raises:
        InputProblem: nothing to letter, too much of it, or a prompt that describes a picture.
    """
    text = unicodedata.normalize("NFC", prompt).replace("\r\n", "\n").replace("\r", "\n").strip()
    quoted = [next(part for part in found if part) for found in _QUOTED.findall(text)]
    wanted = "\n".join(_tidy(part) for part in quoted) if quoted else _tidy(text)
    wanted = wanted.strip() if wanted.strip(MARKS) else ""
    if not wanted:
        raise InputProblem("The prompt is empty.", "Type the words that are to become letters, for example: Hello")
    if not quoted and _describes(wanted):
        raise _needs_weights(wanted)
    if len(wanted) > MOST_LETTERS:
        raise InputProblem(
            f"The prompt has {len(wanted)} letters; more than {MOST_LETTERS} become too small to sculpt.",
            "Use fewer words.",
        )
    return wanted


def _tidy(text: str) -> str:
    """Single spaces, no invisible characters, no empty lines."""
    shown = "".join(c if c == "\n" or not unicodedata.category(c).startswith("C") else " " for c in text)
    lines = [" ".join(line.split()) for line in shown.split("\n")]
    return "\n".join(line for line in lines if line)


def _describes(text: str) -> bool:
    """Whether a text without quotation marks describes a picture."""
    words = text.split()
    if "\n" in text or len(words) == 1:
        return False
    long = [word for word in words if sum(map(str.isalpha, word)) >= 4]
    is_title = all(not word[0].islower() for word in long) and not words[0][0].islower()
    if is_title:
        return False
    return len(words) > FEW_WORDS or bool(_ASKS.match(text))


def _needs_weights(text: str) -> InputProblem:
    start = text if len(text) <= 40 else text[:39].rstrip() + "…"
    return InputProblem(
        f"“{start}” describes a picture, and Lettering can only draw letters.",
        "A picture maker with text-to-image weights would draw it (any diffusers folder, such as Stable Diffusion). "
        "Without weights, drop a picture of it, or put the words in quotation marks to have them lettered.",
    )


def broken(text: str, width_of: Callable[[str], float], line_height: float, box: tuple[float, float]) -> list[str]:
    """The lines that make the letters largest in a box; of equally good ways the one with the most even lines.

    Args:
        text: words; newlines stay line breaks.
        width_of: of a line at letter size 1.
        line_height: from line to line at letter size 1.
        box: width and height.
    """
    blocks = [line.split(" ") for line in text.split("\n")]
    longest = max(len(words) for words in blocks)
    best: tuple[float, list[str]] = (0.0, [])
    for most in range(1, min(longest, MOST_LINES) + 1):
        lines = [line for words in blocks for line in _even(words, min(most, len(words)), width_of)]
        size = min(box[0] / max(width_of(line) for line in lines), box[1] / (len(lines) * line_height))
        if size > best[0] * 1.02:  # more lines must be worth it
            best = (size, lines)
    return best[1]


def _even(words: list[str], count: int, width_of: Callable[[str], float]) -> list[str]:
    """Words in `count` lines whose widest is as narrow as can be."""
    total = len(words)
    widths = {(a, b): width_of(" ".join(words[a:b])) for a in range(total) for b in range(a + 1, total + 1)}
    # cost[b]: widest line, then unevenness, of the first b words in so many lines, and where the last one begins
    cost: list[tuple[float, float, int]] = [(0.0, 0.0, 0)] + [(float("inf"), 0.0, 0)] * total
    backs: list[list[int]] = []
    for _ in range(count):
        following: list[tuple[float, float, int]] = [(float("inf"), 0.0, 0)] * (total + 1)
        for b in range(1, total + 1):
            ways = [
                (max(cost[a][0], widths[a, b]), cost[a][1] + widths[a, b] ** 2, a)
                for a in range(b)
                if cost[a][0] < float("inf")
            ]
            following[b] = min(ways, default=following[b])
        backs.append([entry[2] for entry in following])
        cost = following
    lines: list[str] = []
    end = total
    for back in reversed(backs):
        lines.append(" ".join(words[back[end] : end]))
        end = back[end]
    return lines[::-1]
