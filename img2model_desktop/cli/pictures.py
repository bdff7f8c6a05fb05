"""`img2model turntable` and `report`: pictures of a mesh without a window."""

import argparse
from pathlib import Path

from img2model_desktop.cli.meshes import add_conditions, add_mesh, conditions_of, open_mesh, progress_on_terminal
from img2model_desktop.cli.speech import print_json
from img2model_desktop.core import atomic
from img2model_desktop.errors import InputProblem

SHADINGS = ("lit", "textured", "matcap", "wireframe", "normals")


def add_turntable(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add = parser.add_argument
    add("-o", "--out", required=True, type=Path, metavar="OUT", help=".gif, .webp, .png or .mp4")
    add("--seconds", type=float, default=4.0, metavar="N", help="for a whole turn; default: %(default)s")
    add("--shading", default="lit", choices=SHADINGS, help="default: %(default)s")
    add("--size-px", type=int, default=480, metavar="N", help="width and height; default: %(default)s")
    add("--ground", default="none", choices=["none", "dark", "light"], help="behind the mesh; default: %(default)s")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_turntable)


def add_report(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add_conditions(parser)
    add = parser.add_argument
    add("-o", "--out", required=True, type=Path, metavar="OUT", help="HTML file")
    add("--title", default=None, metavar="TEXT", help="default: the name of the mesh file")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_report)


def _turntable(arguments: argparse.Namespace) -> int:
    from img2model_desktop.render.look import Shading, ground
    from img2model_desktop.render.turntable import turntable

    mesh, _ = open_mesh(arguments)
    behind = None if arguments.ground == "none" else ground(arguments.ground == "dark")
    with progress_on_terminal(arguments.mesh.name) as progress:
        content = turntable(
            mesh,
            arguments.out.suffix,
            arguments.seconds,
            arguments.size_px,
            Shading(arguments.shading),
            behind,
            progress,
        )
    return _save(arguments, content)


def _report(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.verdict.judge import judge
    from img2model_desktop.render.report import report_html

    if arguments.out.suffix.lower() not in (".html", ".htm"):
        raise InputProblem(f"“{arguments.out.name}” is no HTML file.", "End its name in .html.")
    mesh, recipe = open_mesh(arguments)
    with progress_on_terminal(arguments.mesh.name) as progress:
        verdict = judge(mesh, conditions_of(arguments), progress.part(0.0, 0.5))
        title = arguments.title or arguments.mesh.stem
        page = report_html(mesh, verdict, title, recipe, progress.part(0.5, 1.0))
    return _save(arguments, page.encode())


def _save(arguments: argparse.Namespace, content: bytes) -> int:
    atomic.write_file(arguments.out, content)
    if arguments.json:
        print_json({"path": str(arguments.out), "bytes": len(content)})
    else:
        print(f"{arguments.out}: {len(content) / 1e6:.2f} MB")
    return 0
