"""The table of what each purpose asks."""

from img2model_desktop.core.verdict.findings import Purpose, Severity
from img2model_desktop.core.verdict.limits import LIMITS, Limit, bound_of, severities
from img2model_desktop.core.verdict.measures import MEANINGS
from img2model_desktop.core.verdict.remarks import REMARKS


def test_every_row_names_a_measure_that_exists_and_says_why() -> None:
    assert [limit.measure for limit in LIMITS if limit.measure not in MEANINGS] == []
    assert all(limit.why and limit.purposes for limit in LIMITS)


def test_every_finding_has_a_row_and_words() -> None:
    assert {limit.key for limit in LIMITS} == set(REMARKS)


def test_no_purpose_is_forgotten() -> None:
    assert {purpose for limit in LIMITS for purpose in limit.purposes} == set(Purpose)


def test_the_worst_row_counts() -> None:
    assert severities("triangles", {"triangles": 59_999}) == {}
    assert severities("triangles", {"triangles": 60_001}) == {Purpose.GAME: Severity.FIX}
    assert severities("triangles", {"triangles": 1_500_000}) == {
        Purpose.GAME: Severity.FIX,
        Purpose.WEB: Severity.FIX,
        Purpose.PRINT: Severity.NOTE,
    }
    assert severities("thin_walls", {"thin_wall_area_share": 0.01}) == {Purpose.PRINT: Severity.NOTE}
    assert severities("thin_walls", {"thin_wall_area_share": 0.06}) == {Purpose.PRINT: Severity.FIX}


def test_the_bound_to_aim_at_is_the_tightest_that_asks_for_a_fix() -> None:
    assert bound_of("triangles", {"triangles": 80_000}) == 60_000
    assert bound_of("texture", {"texture_longest_px": 8192}) == 2048


def test_what_was_not_measured_breaks_nothing() -> None:
    assert severities("falls", {}) == severities("falls", {"tilt_margin_deg": None}) == {}
    assert severities("falls", {"tilt_margin_deg": -1.0}) == {Purpose.PRINT: Severity.FIX}


def test_a_row_reads_as_a_sentence() -> None:
    row = Limit("holes", "holes", 0, (Purpose.PRINT, Purpose.WEB), Severity.FIX, "because")
    assert row.cells() == ["holes", "holes at most 0", "print, web", "fix", "because"]
    assert len({tuple(limit.cells()) for limit in LIMITS}) == len(LIMITS)
