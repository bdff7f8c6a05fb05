"""What a job keeps in its folder between its stages, so that a restarted one goes on; all of it runs aside.

Each is a module-level function whose last two arguments are `report` and `is_cancelled`. A kept file says in itself
what made it: the file is there whole or not at all, and so is what is known of it.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop.core import atomic
from img2model_desktop.core.chooser import Choice, choose_sculptor
from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import Limits, decode_picture, encode_png
from img2model_desktop.core.picture_recipe import recipe_in, with_recipe
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.subject import Finding, check_subject
from img2model_desktop.core.workshop.mend import clean
from img2model_desktop.core.workshop.place import scaled_to
from img2model_desktop.errors import InputProblem

MADE_BY = "made_by"  # array of a kept shape: JSON
MAPS = ("base_colour", "metallic_roughness", "normal")


def read_input(path: Path, name: str, limits: Limits, report: Any, is_cancelled: Any) -> Picture:  # noqa: ARG001 - runs aside
    """The user's picture; messages name the user's file, not our copy. Raises InputProblem."""
    return decode_picture(path.read_bytes(), name, limits)


def keep_picture(
    picture: Picture,
    path: Path,
    recipe: Mapping[str, Any],
    report: Any,  # noqa: ARG001 - runs aside
    is_cancelled: Any,  # noqa: ARG001 - runs aside
) -> None:
    """Writes a picture with its recipe. Raises SetupProblem."""
    atomic.write_file(path, with_recipe(encode_png(picture), recipe))


def kept_picture(
    path: Path,
    report: Any,  # noqa: ARG001 - runs aside
    is_cancelled: Any,  # noqa: ARG001 - runs aside
) -> tuple[Picture, dict[str, Any]] | None:
    """The picture and its recipe; None where it was damaged by a power cut, and is to be made again."""
    try:
        content = path.read_bytes()
        return decode_picture(content, path.name, Limits()), recipe_in(content)
    except (InputProblem, OSError):
        return None


def judge(
    cut: Picture,
    is_auto: bool,
    but: frozenset[str],
    report: Any,
    is_cancelled: Any,  # noqa: ARG001 - runs aside
) -> tuple[tuple[Finding, ...], Choice | None]:
    """What is odd about a cut-out, and which sculptor but those suits it, if that is asked."""
    findings = check_subject(cut)
    report(0.5)
    return findings, choose_sculptor(cut, but) if is_auto else None


def choose(cut: Picture, but: frozenset[str], report: Any, is_cancelled: Any) -> Choice:  # noqa: ARG001 - runs aside
    """The built-in sculptor but those that suits a cut-out."""
    return choose_sculptor(cut, but)


def keep_shape(mesh: Mesh, path: Path, made_by: Mapping[str, Any], report: Any, is_cancelled: Any) -> None:  # noqa: ARG001 - runs aside
    """Writes the mesh of stage 3, and what made it. Raises SetupProblem."""
    arrays: dict[str, Any] = {"vertices": mesh.vertices, "faces": mesh.faces, MADE_BY: json.dumps(made_by)}
    if mesh.uv is not None:
        arrays["uv"] = mesh.uv
    for name in MAPS:
        picture = getattr(mesh, name)
        if picture is not None:
            arrays[name] = picture.pixels
    content = io.BytesIO()
    np.savez(content, **arrays)
    atomic.write_file(path, content.getvalue())


def load_shape(path: Path, report: Any, is_cancelled: Any) -> Mesh:  # noqa: ARG001 - runs aside
    """The mesh that stage 3 left, before it was cleaned and scaled."""
    with path.open("rb") as file, np.load(file) as arrays:  # np.load leaves a damaged file open when it opens it
        pictures = {name: Picture.own(arrays[name]) for name in MAPS if name in arrays}
        uv = arrays.get("uv")
        return Mesh(arrays["vertices"], arrays["faces"], uv, **pictures).validate()


def kept_shape(path: Path, report: Any, is_cancelled: Any) -> tuple[Mesh, dict[str, Any]] | None:
    """The mesh and what made it; None where it was damaged by a power cut, and is to be sculpted again."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            made_by = json.loads(str(arrays[MADE_BY])) if MADE_BY in arrays else {}
        return load_shape(path, report, is_cancelled), made_by
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def clean_up(mesh: Mesh, size_mm: float, report: Any, is_cancelled: Any) -> Mesh:
    """The mesh without what floats and folds, at its real size on the ground."""
    return scaled_to(clean(mesh, Progress(report, is_cancelled)), size_mm)


def save(mesh: Mesh, path: Path, recipe: Mapping[str, Any], report: Any, is_cancelled: Any) -> Facts:  # noqa: ARG001 - runs aside
    """Measures the mesh and writes it with its recipe. Raises SetupProblem."""
    facts = measure(mesh)
    report(0.3)
    write_mesh(mesh, path, recipe)
    return facts.brief()


def kept_result(
    path: Path,
    request: Mapping[str, Any],
    report: Any,
    is_cancelled: Any,  # noqa: ARG001 - runs aside
) -> tuple[Facts, dict[str, Any]] | None:
    """The facts and the recipe of a result; None where it is damaged, or of another request."""
    try:
        recipe = read_recipe(path)
        if recipe.get("request") != request or "engine" not in recipe:
            return None
        report(0.2)
        return measure(read_mesh(path)).brief(), recipe
    except InputProblem:
        return None
