"""What the window lets run aside: module-level functions for `JobRunner.call`.

They import what they need when they run: none of it belongs to the window's start.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from img2model_desktop.core.request import Stroke
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.jobs.plan import PictureLimits

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.picture import Picture

PREVIEW_SIDE_PX = 1024
THUMBNAIL = "thumbnail.png"
THUMBNAIL_SIDE_PX = 256


def original_preview(path: str, limits: PictureLimits, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """The picture file, its longer side at most `PREVIEW_SIDE_PX`."""
    from img2model_desktop.core.picture_files import Limits, read_picture

    return read_picture(path, Limits(limits.max_bytes, limits.max_pixels, PREVIEW_SIDE_PX))


def cut_preview(
    path: str,
    limits: PictureLimits,
    cutter: tuple[str, Any, str],
    strokes: tuple[Stroke, ...],
    report: Any,
    is_cancelled: Any,
) -> Any:
    """The picture file as the engine will see it.

    Args:
        path: of the picture.
        limits: how large it may be.
        cutter: key, options, and the folder of the library of published weights, "" for none.
        strokes: of the brush.
        report, is_cancelled: see `aside`.

    Returns:
        `(original, cut, findings)`: two Pictures whose longer side is at most `PREVIEW_SIDE_PX`, and what
        `core.subject.check_subject` found.
    """
    from img2model_desktop.core.subject import check_subject
    from img2model_desktop.engines.bench import call_engine, call_held
    from img2model_desktop.engines.weights.library import Library

    key, options, weights = cutter
    picture = original_preview(path, limits, report, is_cancelled)
    spec = catalog.find(key, Role.CUTTER)
    args = (picture, strokes, options)
    if spec.weights:
        files = Library(Path(weights)).folder(spec.weights)
        cut = call_held(spec.entry, files, "cut", args, report, is_cancelled)
    else:
        cut = call_engine(spec.entry, "cut", args, report, is_cancelled)
    return picture, cut, check_subject(cut)


def made_preview(maker: str, prompt: str, style: str, options: Any, seed: int, report: Any, is_cancelled: Any) -> Any:
    """The picture that the maker draws for the words."""
    from img2model_desktop.engines.bench import call_engine

    spec = catalog.find(maker, Role.MAKER)
    return call_engine(spec.entry, "make", (prompt, style, options, seed), report, is_cancelled)


def shape_to_show(path: str, size_mm: float, report: Any, is_cancelled: Any) -> Any:
    """What the 3D view draws for a job that is still under way, from its `shape.npz`.

    Args:
        path: of the file.
        size_mm: longest side that the result will have, so that the result takes the shape's place in the view.

    Returns:
        `core.preview.PreviewBuffers`.
    """
    from img2model_desktop.core.preview import prepare
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.workshop.place import scaled_to
    from img2model_desktop.jobs.pipeline import load_shape

    shape = scaled_to(load_shape(Path(path), report, is_cancelled), size_mm)
    return prepare(shape, Progress(report, is_cancelled))


def result_to_show(path: str, report: Any, is_cancelled: Any) -> Any:
    """What the 3D view draws for a result; `core.preview.PreviewBuffers`."""
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.preview import prepare
    from img2model_desktop.core.progress import Progress

    return prepare(read_mesh(Path(path)), Progress(report, is_cancelled))


def save_picture(picture: "Picture", path: str, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """Writes a PNG; its path."""
    from img2model_desktop.core.picture_files import write_png

    write_png(picture, path)
    return path


def save_result(result: str, out: str, size_mm: float, up: str, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """Exports a result; `jobs.export.Exported`."""
    from img2model_desktop.jobs.export import ExportOptions, export_mesh

    return export_mesh(Path(result), Path(out), ExportOptions(size_mm=size_mm, up=up))


def make_thumbnail(result: str, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """Draws the small picture of a result into its job folder; the folder's name, which is the job's id."""
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.picture_files import Limits, read_picture, write_png
    from img2model_desktop.render.offscreen import render_mesh

    path = Path(result)
    if path.suffix == ".png":  # pictures alone were asked for
        picture = read_picture(path, Limits(max_side=THUMBNAIL_SIDE_PX))
    else:
        picture = render_mesh(read_mesh(path), THUMBNAIL_SIDE_PX)
    write_png(picture, path.with_name(THUMBNAIL))
    return path.parent.name


def made_pictures(paths: tuple[str, ...], side_px: int, report: Any, is_cancelled: Any) -> Any:
    """Pictures that a maker made, small, for a sheet to pick from.

    Args:
        paths: of the files.
        side_px: longest side of what comes back.

    Returns:
        `((path, Picture, recipe), ...)` of those that can be read, in their order.
    """
    from img2model_desktop.core.picture_files import Limits, decode_picture
    from img2model_desktop.core.picture_recipe import recipe_in
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.errors import InputProblem

    progress, found = Progress(report, is_cancelled), []
    for number, path in enumerate(paths):
        progress.update(number / len(paths))
        try:
            content = Path(path).read_bytes()
            found.append((path, decode_picture(content, Path(path).name, Limits(max_side=side_px)), recipe_in(content)))
        except (OSError, InputProblem):  # thrown away since, or still being written
            continue
    return tuple(found)


def copy_picture(path: str, out: str, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """Copies a made picture with its recipe; where to. Raises SetupProblem."""
    from img2model_desktop.core.atomic import write_file

    write_file(Path(out), Path(path).read_bytes())
    return out
