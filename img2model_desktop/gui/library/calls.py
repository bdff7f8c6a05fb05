"""What the library lets run aside: module-level functions for `JobRunner.call`."""

from pathlib import Path
from typing import Any

from img2model_desktop.jobs.plan import PictureLimits


def look_of_picture(path: str, limits: PictureLimits, report: Any, is_cancelled: Any) -> Any:
    """The look of a picture file: of its cut-out, or of what the built-in cutter cuts out of it.

    Returns:
        `core.descriptor.Vector`.

    Raises:
        InputProblem: it cannot be read, or nothing is to be seen in it.
        Cancelled: the user wants to stop.
    """
    from img2model_desktop.core.descriptor import describe_picture
    from img2model_desktop.core.picture_files import Limits, read_picture
    from img2model_desktop.core.subject import nothing_found
    from img2model_desktop.engines import catalog
    from img2model_desktop.engines.base import Role
    from img2model_desktop.engines.bench import call_engine
    from img2model_desktop.errors import InputProblem

    side_px = 512  # far more than a look needs, and quick to cut out
    picture = read_picture(path, Limits(limits.max_bytes, limits.max_pixels, side_px))
    report(0.2)
    if not picture.is_cut_out:
        spec = catalog.find("cutout", Role.CUTTER)
        try:
            picture = call_engine(spec.entry, "cut", (picture, (), spec.options()), report, is_cancelled)
        except InputProblem:  # no subject that stands out: the whole picture counts
            report(0.9)
    look = describe_picture(picture)
    if not look.any():
        raise nothing_found()
    return look


def export_to(folder: str, out: str, size_mm: float, up: str, report: Any, is_cancelled: Any) -> Any:
    """Exports the result of a job as its edits have left it, under a name that is free; `jobs.export.Exported`.

    Args:
        folder: of the job.
        out: wanted path; a number is put behind its stem where something of that name is there.
        size_mm: longest side.
        up: axis, see `jobs.export.ExportOptions`.
    """
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.edits import current_mesh
    from img2model_desktop.jobs.export import ExportOptions, export_mesh

    wanted = Path(out)
    target, number = wanted, 2
    while target.exists():
        target, number = wanted.with_stem(f"{wanted.stem} {number}"), number + 1
    options = ExportOptions(size_mm=size_mm, up=up)
    return export_mesh(current_mesh(Path(folder)), target, options, progress=Progress(report, is_cancelled))
