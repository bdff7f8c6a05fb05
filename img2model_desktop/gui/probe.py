"""Whether Qt starts and OpenGL draws here: `python -m img2model_desktop.gui.probe` prints it as one line of JSON.

In a process of its own, because a broken graphics driver takes the process with it.
"""

import json
import sys
from typing import Any

from OpenGL import GL
from PySide6.QtCore import qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication, QOffscreenSurface, QOpenGLContext

from img2model_desktop.gui.app import surface_format


def main() -> int:
    """Prints what was found; the exit status is 0 where a context could be made."""
    application = QGuiApplication(sys.argv[:1])
    screen = application.primaryScreen()
    size = screen.size()
    found: dict[str, Any] = {
        "qt": qVersion(),
        "platform": application.platformName(),
        "screens": len(application.screens()),
        "screen": [size.width(), size.height()],
        "scale": screen.devicePixelRatio(),
        "font": QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family(),
        "families": len(QFontDatabase.families()),
        **drawing(),
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["opengl"] else 1


def drawing() -> dict[str, Any]:
    """Of a context as the 3D view makes it: `opengl` (version, or "" where there is none) and `renderer`."""
    surface = QOffscreenSurface()
    surface.setFormat(surface_format())
    surface.create()
    context = QOpenGLContext()
    context.setFormat(surface_format())
    if not context.create() or not context.makeCurrent(surface):
        return {"opengl": "", "renderer": ""}
    version, renderer = (_told(name) for name in (GL.GL_VERSION, GL.GL_RENDERER))
    context.doneCurrent()
    return {"opengl": version, "renderer": renderer}


def _told(name: Any) -> str:
    text = GL.glGetString(name) or b""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


if __name__ == "__main__":
    sys.exit(main())
