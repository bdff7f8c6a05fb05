"""How smoothly the 3D view moves, how long it takes until a mesh is seen, and how long a thumbnail takes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picking import Ray, first_hit, nearest_corner
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import prepare
from img2model_desktop.core.section import Plane, cut
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.render.marks import highlight_of
from tests.bench.table import Table

NAME = "viewing"

FACES = (50_000, 100_000, 1_000_000)
SIZE_PX = (1024, 768)
TEXTURE_PX = 2048
TURN_S = 4.0
TICK_MS = 5
DISPLAY_FREE = "xvfb-run -a -s '-screen 0 1280x1024x24'"


def tables() -> list[Table]:
    """The window where there is a display; the buffers and the thumbnails everywhere."""
    made = [_preparing(), _tools(), _thumbnails()]
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print(f"The window's frame rates need a display: run this under {DISPLAY_FREE}.", file=sys.stderr)
        return made
    return [*made, _window()]


def vase(faces: int) -> Mesh:
    """A wavy body of revolution, 0.1 m high, with about that many faces and a texture."""
    around = max(round(np.sqrt(faces)), 8)
    rows = max(faces // (2 * around), 2)
    t, angle = np.linspace(0, 1, rows + 1), np.linspace(0, 2 * np.pi, around + 1)
    radius = 0.02 + 0.012 * np.sin(5 * t) + 0.001 * np.sin(40 * t)
    x, z = radius[:, None] * np.sin(angle), radius[:, None] * np.cos(angle)
    y = np.broadcast_to(0.1 * t[:, None], x.shape)
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi), t[:, None]), axis=-1)
    low = (np.arange(rows)[:, None] * (around + 1) + np.arange(around)).ravel()
    high = low + around + 1
    triangles = np.concatenate([np.stack([low, low + 1, high + 1], 1), np.stack([low, high + 1, high], 1)])
    noise = np.random.default_rng(0).integers(0, 256, (TEXTURE_PX, TEXTURE_PX, 4), dtype=np.uint8)
    noise[..., 3] = 255
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    picture = Picture.own(noise)
    return Mesh(vertices, triangles.astype(np.int32), uv.reshape(-1, 2).astype(np.float32), picture).validate()


def _preparing() -> Table:
    rows = []
    for faces in FACES:
        mesh = vase(faces)
        seconds = _median(lambda mesh=mesh: prepare(mesh))  # type: ignore[misc]  # mypy infers no type for a default
        buffers = prepare(mesh)
        coarse = f"{len(buffers.coarse.indices):,}" if buffers.coarse is not None else "-"
        rows.append([f"{len(mesh.faces):,}", f"{seconds:.2f} s", coarse])
    return Table(
        f"Preparing a mesh for the view, in a background thread ({TEXTURE_PX} px texture)",
        ["faces", "median of 3", "faces of the stand-in"],
        rows,
    )


def _tools() -> Table:
    """Each as long as the window waits for it, except for the blocks, which are made in the background."""
    ray = Ray(np.array([0.003, 0.05, 1.0]), np.array([0.0, 0.0, -1.0]))
    rows = []
    for faces in FACES:
        buffers = prepare(vase(faces))
        blocks = FaceBlocks(buffers.full)
        marked = Place(faces=np.arange(min(100_000, len(buffers.full.indices)), dtype=np.int32))
        works: list[Callable[[], object]] = [
            lambda buffers=buffers: FaceBlocks(buffers.full),  # type: ignore[misc]  # mypy infers no type for a default
            lambda blocks=blocks: (nearest_corner(blocks, ray, 0.002), first_hit(blocks, ray)),  # type: ignore[misc]  # mypy infers no type for a default
            lambda blocks=blocks: cut(blocks, Plane(1, 0.05)),  # type: ignore[misc]  # mypy infers no type for a default
            lambda buffers=buffers, marked=marked: highlight_of(marked, buffers),  # type: ignore[misc]  # mypy infers no type for a default
        ]
        times = [f"{1000 * _median(work):.0f} ms" for work in works]
        rows.append([f"{len(buffers.full.indices):,}", *times])
    return Table(
        "The view's tools, median of 3",
        ["faces", "blocks for rays and cuts", "point of the ruler (aim 50 ms)", "section", "100,000 faces marked"],
        rows,
    )


def _thumbnails() -> Table:
    """Each in a process of its own that has the modules loaded already, as the helper process has."""
    code = (
        "import time\n"
        "from img2model_desktop.render.offscreen import thumbnail\n"
        "from tests.bench.viewing import vase\n"
        "mesh = vase(50_000)\n"
        "for number in range(4):\n"
        "    began = time.perf_counter()\n"
        "    thumbnail(mesh, 256, True, lambda fraction: None, lambda: False)\n"
        "    print(time.perf_counter() - began)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return Table("Thumbnails: not possible here", ["why"], [[done.stderr.strip().splitlines()[-1]]])
    first, *others = (float(line) for line in done.stdout.split())
    rows = [["first", f"{first:.2f} s", "-"], ["later, median", f"{sorted(others)[1]:.2f} s", "0.3 s"]]
    return Table(
        "A thumbnail of 256 px of 50,000 faces, with its buffers and an OpenGL context of its own each time",
        ["", "seconds", "aim"],
        rows,
    )


def _window() -> Table:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QSurfaceFormat
    from PySide6.QtWidgets import QApplication

    from img2model_desktop.gui.view.mesh_view import MeshView, default_surface_format

    QSurfaceFormat.setDefaultFormat(default_surface_format())
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = QApplication.instance() or QApplication([])
    view = MeshView()
    view.resize(*SIZE_PX)
    view.show()
    watch = _Watch(application.processEvents)
    watch.until(lambda: view.isValid(), 10.0)
    watch.until(lambda: False, 2.0)  # shaders are compiled
    rows = []
    for faces in FACES:
        mesh = vase(faces)
        watch.restart()
        shown: list[float] = []
        view.mesh_shown.connect(lambda shown=shown: shown.append(time.perf_counter()))
        began = time.perf_counter()
        view.set_mesh(mesh)
        watch.until(lambda shown=shown: bool(shown), 120.0)  # type: ignore[misc]  # mypy infers no type for a default
        watch.until(lambda: view.is_drawn, 120.0)
        whole = time.perf_counter() - began
        while_shown = watch.worst_ms
        frames: list[float] = []
        view.frameSwapped.connect(lambda frames=frames: frames.append(time.perf_counter()))
        watch.restart()
        view.set_turntable(True)
        watch.until(lambda: False, TURN_S)
        view.set_turntable(False)
        while_turning = watch.worst_ms
        rate = len(frames) / TURN_S
        first = shown[0] - began
        rows.append(
            [
                f"{len(mesh.faces):,}",
                f"{first:.2f} s",
                f"{whole:.2f} s",
                f"{rate:.0f}",
                f"{while_shown:.0f} ms",
                f"{while_turning:.0f} ms",
            ]
        )
    renderer = _renderer(view)
    view.hide()
    view.deleteLater()
    application.processEvents()
    return Table(
        f"The 3D view, {SIZE_PX[0]} x {SIZE_PX[1]}, lit, textured, with grid and shadow; drawn by {renderer}",
        ["faces", "seen after", "whole after", "frames/s turning", "longest gap appearing", "longest gap turning"],
        rows,
    )


class _Watch:
    """Runs the event loop and keeps the longest time between two turns of a timer."""

    def __init__(self, process_events: Callable[[], None]) -> None:
        from PySide6.QtCore import QTimer

        self._process_events = process_events
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self.restart()

    def restart(self) -> None:
        """Forgets what was measured."""
        self.worst_ms = 0.0
        self._last = time.perf_counter()

    def until(self, is_done: Callable[[], bool], limit_s: float) -> None:
        """Goes on until it is so, or that long."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        asked = QTimer()
        asked.setInterval(TICK_MS)
        end = time.perf_counter() + limit_s
        asked.timeout.connect(lambda: loop.quit() if is_done() or time.perf_counter() > end else None)
        asked.start()
        loop.exec()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.worst_ms = max(self.worst_ms, (now - self._last) * 1000)
        self._last = now


def _renderer(view: object) -> str:
    from OpenGL import GL

    view.makeCurrent()  # type: ignore[attr-defined]  # pyqtgraph has no types
    name = GL.glGetString(GL.GL_RENDERER)
    view.doneCurrent()  # type: ignore[attr-defined]  # pyqtgraph has no types
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)[1]
