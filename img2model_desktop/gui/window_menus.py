"""What is in the main window's menus."""

from typing import TYPE_CHECKING

from img2model_desktop.gui.cutout_canvas import BRUSH_STEP, Tool
from img2model_desktop.gui.menus import Entry
from img2model_desktop.gui.workshop_panel import CHECK, EXPORT, SHAPE

if TYPE_CHECKING:
    from img2model_desktop.gui.main_window import MainWindow


MenuOf = tuple[str, list[Entry | None]]


def window_menus(window: "MainWindow") -> list[MenuOf]:
    """`(title, entries)` of each menu; None draws a line."""
    return [_file(window), _edit(window), _view(window), _mesh(window), _job(window), _help(window)]


def _file(window: "MainWindow") -> MenuOf:
    return (
        "&File",
        [
            Entry("open", "&Open pictures…", "Ctrl+O", window.browse),
            Entry("open_mesh", "Open &mesh…", "Ctrl+M", window.open_meshes),
            Entry("paste", "&Paste picture", "Ctrl+V", window.paste),
            None,
            Entry("save", "&Save mesh…", "Ctrl+S", window.save),
            Entry("report", "&Report…", "Ctrl+P", window.report),
            None,
            Entry("quit", "&Quit", "Ctrl+Q", window.close),
        ],
    )


def _edit(window: "MainWindow") -> MenuOf:
    pictures = window.input.pictures
    canvas = pictures.canvas
    return (
        "&Edit",
        [
            Entry("undo", "&Undo", "Ctrl+Z", window.undo),
            Entry("redo", "&Redo", "Ctrl+Shift+Z | Ctrl+Y", window.redo),
            None,
            Entry("clear", "&Clear strokes", "", canvas.clear_strokes),
            None,
            Entry("add", "&Add brush", "B", lambda: pictures.toggle_tool(Tool.ADD)),
            Entry("remove", "&Remove brush", "E", lambda: pictures.toggle_tool(Tool.REMOVE)),
            Entry("smaller", "&Smaller brush", "[", lambda: canvas.set_radius(canvas.radius / BRUSH_STEP)),
            Entry("larger", "&Larger brush", "]", lambda: canvas.set_radius(canvas.radius * BRUSH_STEP)),
        ],
    )


def _view(window: "MainWindow") -> MenuOf:
    return (
        "&View",
        [
            Entry("product", "&Product view", "Home", window.middle.show_product_view),
            None,
            Entry("original", "&Original or cut-out", "O", window.input.pictures.toggle_original),
            None,
            Entry("library", "&Library", "Ctrl+Shift+L", window.library.show_library),
        ],
    )


def _mesh(window: "MainWindow") -> MenuOf:
    right = window.right
    return (
        "&Mesh",
        [
            Entry("check", "&Check", "Ctrl+1", lambda: right.show_page(CHECK)),
            Entry("shape", "&Shape", "Ctrl+2", lambda: right.show_page(SHAPE)),
            Entry("export", "&Export", "Ctrl+3", lambda: right.show_page(EXPORT)),
            None,
            Entry("revert", "&Revert to the original", "", lambda: window.workshop.go_to(0)),
        ],
    )


def _job(window: "MainWindow") -> MenuOf:
    return (
        "&Job",
        [
            Entry("generate", "&Generate", "Ctrl+Return | Ctrl+Enter", window.input.generate),
            Entry("all", "Generate from &all pictures", "Ctrl+Shift+Return", window.input.generate_all),
            Entry("batch", "&Batch…", "Ctrl+B", window.batches.show),
            None,
            Entry("again", "&Make again", "Ctrl+R", window.make_again),
            Entry("load", "&Load its settings", "Ctrl+L", window.load_settings),
            Entry("folder", "Show its &folder", "Ctrl+Shift+O", window.show_job_folder),
            None,
            Entry("stop", "&Stop", "Ctrl+.", window.queue.stop_running),
            Entry("stop_all", "Stop a&ll", "Ctrl+Shift+.", window.queue.stop_all),
            Entry("pause", "&Pause the queue, or go on", "Ctrl+Shift+P", window.queue.toggle_pause),
            Entry("jobs", "Go to the &jobs", "Ctrl+J", window.history.strip.setFocus),
            None,
            Entry("weights", "&Engines and weights…", "Ctrl+Shift+E", window.show_weights),
        ],
    )


def _help(window: "MainWindow") -> MenuOf:
    return (
        "&Help",
        [
            Entry("keys", "&Keyboard and mouse", "F1", window.show_keys),
            Entry("news", "&What is new", "", window.show_news),
            Entry("health", "&Diagnostics…", "Ctrl+Shift+D", window.health.show),
            Entry("checkup", "Check-up and &report…", "", window.health.show_report),
            Entry("logs", "Show the &log", "", window.show_log),
            None,
            Entry("about", "&About", "", window.show_about),
        ],
    )
