"""Judges a mesh: measures it, says what is wrong with it, and what it is fit for."""

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.verdict.crossings import crossings_of
from img2model_desktop.core.verdict.findings import Conditions, Finding, Severity, Verdict
from img2model_desktop.core.verdict.limits import severities
from img2model_desktop.core.verdict.measures import Survey, measures_of
from img2model_desktop.core.verdict.remarks import REMARKS
from img2model_desktop.core.verdict.shells import shells_of
from img2model_desktop.core.verdict.standing import standing_of
from img2model_desktop.core.verdict.surface import surface_of
from img2model_desktop.core.verdict.topology_facts import debris_of, topology_of
from img2model_desktop.core.verdict.uv_facts import measure_uv
from img2model_desktop.core.verdict.walls import walls_of


def judge(mesh: Mesh, conditions: Conditions | None = None, progress: Progress | None = None) -> Verdict:
    """The verdict on a valid mesh.

    Args:
        mesh: valid; may be broken in every other way.
        conditions: what it will be used under.
        progress: token.

    Raises:
        Cancelled: from `progress`.
    """
    conditions, progress = conditions or Conditions(), progress or Progress()
    survey = survey_of(mesh, conditions, progress.part(0.0, 0.9))
    measures = measures_of(survey)
    progress.update(0.97)
    findings = []
    for key, remark in REMARKS.items():
        severity = severities(key, measures)
        if severity:
            said = remark(survey, measures)
            findings.append(Finding(key, said.title, said.reason, said.advice, severity, said.place, said.fix))
    progress.update(1.0)
    return Verdict(measures, tuple(sorted(findings, key=_badness)), conditions)


def survey_of(mesh: Mesh, conditions: Conditions, progress: Progress) -> Survey:
    """Everything that is looked up on a mesh before a word is said about it."""
    surface = surface_of(mesh, conditions.size_mm, progress.part(0.0, 0.1))
    topology = topology_of(surface, progress.part(0.1, 0.25))
    if not surface.area.any():
        return Survey(mesh, conditions, surface, topology, np.zeros(surface.parts, dtype=bool))
    crossings = crossings_of(surface, progress.part(0.25, 0.6))
    rays = Rays(surface.triangles)
    progress.update(0.62)
    shells = shells_of(surface, topology.closed, crossings.parts, rays, progress.part(0.62, 0.65))
    sign = shells.sign[surface.part]
    sign[topology.turned] *= -1.0
    walls = walls_of(surface, sign, conditions.wall_mm, rays, progress.part(0.65, 0.8))
    standing = standing_of(surface, sign, shells.middle_mm, conditions)
    progress.update(0.8)
    uv = measure_uv(mesh, progress.part(0.8, 1.0))
    debris = debris_of(surface, np.unique(crossings.parts))
    return Survey(mesh, conditions, surface, topology, debris, crossings, shells, walls, standing, uv)


def _badness(finding: Finding) -> tuple[int, int]:
    """Worst first: by the worst severity, then by how many purposes it has it for; else the order of REMARKS."""
    order = list(Severity)
    worst = max(finding.severity.values(), key=order.index)
    return -order.index(worst), -sum(severity == worst for severity in finding.severity.values())
