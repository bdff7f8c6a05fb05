"""From what people type to what the word index is asked: whatever they type is a valid search.

Both sides, what is kept and what is looked for, go through `tokens`: marks over letters and case do not count, and each
character of a script without spaces is a token of its own. The index gets them written in ASCII, so that it never has
an opinion of its own about where a word ends.
"""

import re
import unicodedata

LONGEST = 64
"""Characters of a word that count."""

_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_PARTS = re.compile(r'"([^"]*)"?|([^\s"]+)')
_UNSPACED = (  # scripts that are written without spaces
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # radicals, kana, ideographs
    (0xAC00, 0xD7AF),  # Hangul syllables, before they are taken apart
    (0xF900, 0xFAFF),  # ideographs for compatibility
    (0x20000, 0x3FFFF),  # more ideographs
)


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text, without case and without marks over letters."""
    found: list[str] = []
    word: list[str] = []
    for char in unicodedata.normalize("NFKC", text):
        is_alone = any(low <= ord(char) <= high for low, high in _UNSPACED)
        if unicodedata.category(char) in ("Mn", "Mc") and not is_alone:
            continue  # a mark that its letter could not take in
        folded = _folded(char) if char.isalnum() else ""
        if is_alone or not folded:
            _end(word, found)
        if is_alone and folded:
            found.append(folded)
        else:
            word.append(folded)
    _end(word, found)
    return tuple(found)


def indexed(text: str) -> str:
    """A text as the index keeps it."""
    return " ".join(_ascii(token) for token in tokens(text))


def expression(typed: str) -> str:
    """What the index is asked for: every word must be there, the beginning of each is enough; what stands between
    quotes must be there as it is. "" where nothing is asked for."""
    asked = []
    for quoted, bare in _PARTS.findall(typed):
        found = tokens(quoted or bare)
        if found:
            phrase = " ".join(_ascii(token) for token in found)
            asked.append(f'"{phrase}"' + ("" if quoted else " *"))
    return " AND ".join(asked)


def _end(word: list[str], found: list[str]) -> None:
    if any(word):
        found.append("".join(word)[:LONGEST])
    word.clear()


def _folded(char: str) -> str:
    """A letter or digit without case and marks; "" where nothing is left of it."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(part for part in apart.translate(_PLAIN) if part.isalnum())


def _ascii(token: str) -> str:
    return "".join(char if char.isascii() else f"_{ord(char):06x}" for char in token)
