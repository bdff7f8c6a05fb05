"""How purposes and levels are spoken of, everywhere the same. Without numpy: the window's start reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PurposeWords:
    """How a purpose is spoken of.

    Args:
        key: value of `findings.Purpose`.
        title: on its chip.
        use: after "fit for".
        wish: on the button that makes the mesh fit for it, and in the list of edits.
        help: one sentence: what it asks of a mesh.
    """

    key: str
    title: str
    use: str
    wish: str
    help: str


PURPOSES = (
    PurposeWords("print", "Print", "printing", "Make printable", "3D printing: a closed solid that stands and holds"),
    PurposeWords("game", "Game", "games", "Make game-ready", "Games: few triangles, clean uv, small textures"),
    PurposeWords("web", "Web", "web and AR", "Make web-ready", "Web pages and AR: small to load, in its real size"),
    PurposeWords("render", "Render", "renders", "Make render-ready", "Renders: clean shading, fine textures"),
)


@dataclass(frozen=True, slots=True)
class LevelWords:
    """How a level is shown: never by its colour alone.

    Args:
        icon: name of its drawing in the window.
        sign: what stands for the drawing in a text.
        word: on a chip.
        tone: name of its colour: good, warn, bad or dim.
        sentence: with the use to be filled in.
    """

    icon: str
    sign: str
    word: str
    tone: str
    sentence: str


LEVELS = {  # by value of `findings.Level`
    "fit": LevelWords("fit", "✓", "Fit", "good", "Fit for {use}"),
    "fit after fixes": LevelWords("fixable", "!", "To fix", "warn", "Fit for {use} after fixes"),
    "not fit": LevelWords("unfit", "✕", "Not fit", "bad", "Not fit for {use}"),
}
UNKNOWN = LevelWords("unknown", "–", "–", "dim", "Not checked yet")


def words_of(purpose: str) -> PurposeWords:
    """The words of a purpose; an unknown one is taken to be the first."""
    return next((words for words in PURPOSES if words.key == purpose), PURPOSES[0])
