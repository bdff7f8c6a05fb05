"""Every text can be read on every ground it stands on, and the themes change at once."""

import itertools
from string import Template

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop import paths
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import DARK, LIGHT, Colours, Theme, ThemeChoice, style_sheet

READABLE = 4.5  # contrast ratio for text, WCAG 2.2, 1.4.3
SEEN = 3.0  # for what is not text, WCAG 2.2, 1.4.11


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", by WCAG's definition."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_text_can_be_read_on_every_ground(colours: Colours) -> None:
    texts = ("text", "dim", "good", "warn", "bad")
    grounds = ("panel", "raised", "base", "window")
    poor = {
        (text, ground): round(contrast(getattr(colours, text), getattr(colours, ground)), 2)
        for text, ground in itertools.product(texts, grounds)
        if contrast(getattr(colours, text), getattr(colours, ground)) < READABLE
    }
    assert poor == {}
    assert contrast(colours.on_accent, colours.accent) >= READABLE
    assert contrast(colours.on_accent, colours.accent_hover) >= 3.5
    assert contrast(colours.focus, colours.panel) >= SEEN
    assert contrast(colours.accent, colours.panel) >= SEEN


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_style_sheet_is_filled_in_and_its_pictures_are_there(colours: Colours) -> None:
    icons = paths.resources_dir() / "icons"
    sheet = style_sheet(colours, icons)
    assert not list(Template.pattern.finditer(sheet))
    files = [part.split('"')[0] for part in sheet.split('url("')[1:]]
    assert len(files) == 3
    assert all((icons / file.rpartition("/")[2]).is_file() for file in files)


def test_choosing_a_theme_repaints_the_application(qapp: QApplication, theme: Theme, qtbot: QtBot) -> None:
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == DARK.panel
    with qtbot.waitSignal(theme.changed):
        theme.choose(ThemeChoice.LIGHT)
    assert theme.colours is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == LIGHT.panel
    assert LIGHT.accent in qapp.styleSheet()


def test_every_icon_draws_in_the_colour_asked_for(icons: Icons) -> None:
    folder = paths.resources_dir() / "icons"
    names = [path.stem for path in sorted(folder.glob("*.svg")) if "currentColor" in path.read_text()]
    assert len(names) > 30
    for name in names:
        image = icons.pixmap(name, 20, "#12ab34", ratio=2.0).toImage()
        assert (image.width(), image.devicePixelRatio()) == (40, 2.0)
        solid = {
            image.pixelColor(x, y).getRgb()[:3]
            for x, y in itertools.product(range(40), range(40))
            if image.pixelColor(x, y).alpha() == 255
        }
        assert solid, name
        # parts drawn with an opacity of their own are rounded once more
        assert all(max(abs(a - b) for a, b in zip(seen, (0x12, 0xAB, 0x34), strict=True)) <= 1 for seen in solid), name


def test_disabled_icons_are_faint(icons: Icons) -> None:
    from PySide6.QtCore import QSize
    from PySide6.QtGui import QIcon

    image = icons.icon("stop").pixmap(QSize(20, 20), QIcon.Mode.Disabled).toImage()
    colours = {image.pixelColor(x, 5).name() for x in range(20) if image.pixelColor(x, 5).alpha() > 250}
    assert colours == {DARK.faint}
