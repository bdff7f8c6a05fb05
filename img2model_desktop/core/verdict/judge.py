"""Judges a mesh: measures it, says what is wrong with it, and what it is fit for."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Finding, Severity, Verdict
from img2model_desktop.core.verdict.limits import severities
from img2model_desktop.core.verdict.measures import Survey, measures_of
from img2model_desktop.core.verdict.remarks import REMARKS
from img2model_desktop.core.verdict.surface import surface_of
from img2model_desktop.core.verdict.topology_facts import topology_of


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
    survey = survey_of(mesh, conditions, progress.part(0.0, 0.98))
    measures = measures_of(survey)
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
    surface = surface_of(mesh, conditions.size_mm, progress.part(0.0, 0.5))
    topology = topology_of(surface, progress.part(0.5, 1.0))
    return Survey(mesh, conditions, surface, topology)


def _badness(finding: Finding) -> tuple[int, int]:
    """Worst first: by the worst severity, then by how many purposes it has it for; else the order of REMARKS."""
    order = list(Severity)
    worst = max(finding.severity.values(), key=order.index)
    return -order.index(worst), -sum(severity == worst for severity in finding.severity.values())
