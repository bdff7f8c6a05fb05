"""One figure for how well things are, and why it is not higher."""

from dataclasses import dataclass

FULL = 100


@dataclass(frozen=True, slots=True)
class Signs:
    """What the score is made of. More is worse, but for what is free.

    Args:
        disk_free_gib: on the disk of the data.
        memory_free_percent: of the machine's memory.
        failures: jobs that failed in the last day, those for reasons of the input left out.
        runs: jobs that ended in the last day.
        set_aside: engines that failed too often and are not used.
        helper_deaths: helper processes that died in the last day.
        unclean_ends: times the program itself died in the last week.
        gap_p99_ms: 99 % of the window's gaps are shorter.
        damaged_weights: sets of weights that cannot be used.
        is_mended: the history was damaged and had to be mended at this start.
        open_alerts: that last, whether acknowledged or not.
    """

    disk_free_gib: float = 1000.0
    memory_free_percent: float = 100.0
    failures: int = 0
    runs: int = 0
    set_aside: int = 0
    helper_deaths: int = 0
    unclean_ends: int = 0
    gap_p99_ms: float = 0.0
    damaged_weights: int = 0
    is_mended: bool = False
    open_alerts: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why points were taken off.

    Args:
        points: how many, above 0.
        text: what is the matter, a sentence.
        advice: what to do, a sentence.
    """

    points: int
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Score:
    """0 (nothing works) to 100 (nothing to say), with its reasons, the gravest first."""

    points: int
    reasons: tuple[Reason, ...]

    @property
    def words(self) -> str:
        """In a word."""
        if self.points >= 90:
            return "Good"
        return "Fair" if self.points >= 60 else "Poor"


def score(signs: Signs) -> Score:
    """Each sign takes off points of its own, so that no sign that gets worse can raise the score."""
    reasons = [
        _disk(signs),
        _memory(signs),
        _failures(signs),
        _counted(signs.set_aside, 10, 30, "engine is set aside", "engines are set aside", _SET_ASIDE),
        _counted(signs.helper_deaths, 6, 24, "helper process died today", "helper processes died today", _DEATHS),
        _counted(signs.unclean_ends, 12, 36, "time the program died this week", "times the program died", _UNCLEAN),
        _gaps(signs),
        _counted(signs.damaged_weights, 12, 36, "set of weights is damaged", "sets of weights are damaged", _WEIGHTS),
        Reason(15, "The history was damaged and had to be mended.", "Check the disk.") if signs.is_mended else None,
        _counted(signs.open_alerts, 5, 20, "alert lasts", "alerts last", "See the alerts."),
    ]
    found = sorted((reason for reason in reasons if reason and reason.points), key=lambda reason: -reason.points)
    return Score(max(FULL - sum(reason.points for reason in found), 0), tuple(found))


_SET_ASIDE = "See which, and let it try again, under Engines and weights."
_DEATHS = "Choose a lower quality; if it goes on, save a report."
_UNCLEAN = "Save a report."
_WEIGHTS = "Import them again under Engines and weights."


def _disk(signs: Signs) -> Reason | None:
    lost = _falling(signs.disk_free_gib, 10.0, 0.5, 40)
    return Reason(lost, f"{signs.disk_free_gib:.1f} GiB are free on the disk.", "Free some space.") if lost else None


def _memory(signs: Signs) -> Reason | None:
    lost = _falling(signs.memory_free_percent, 15.0, 2.0, 25)
    text = f"{signs.memory_free_percent:.0f} % of the memory are free."
    return Reason(lost, text, "Close other programs.") if lost else None


def _failures(signs: Signs) -> Reason | None:
    if not signs.failures:
        return None
    share = signs.failures / max(signs.runs, signs.failures, 5)  # one failure among few says little
    lost = max(min(round(40 * share), 40), 1)
    text = f"{signs.failures} of {max(signs.runs, signs.failures)} jobs failed in the last day."
    return Reason(lost, text, "See the reasons in the jobs.")


def _gaps(signs: Signs) -> Reason | None:
    lost = _rising(signs.gap_p99_ms, 16.0, 250.0, 15)
    text = f"One in a hundred answers of the window takes {signs.gap_p99_ms:.0f} ms or more."
    return Reason(lost, text, "If you feel it, save a report.") if lost else None


def _counted(count: int, each: int, most: int, one: str, many: str, advice: str) -> Reason | None:
    return Reason(min(count * each, most), f"{count} {one if count == 1 else many}.", advice) if count > 0 else None


def _falling(value: float, good: float, worst: float, most: int) -> int:
    return round(most * min(max((good - value) / (good - worst), 0.0), 1.0))


def _rising(value: float, good: float, worst: float, most: int) -> int:
    return round(most * min(max((value - good) / (worst - good), 0.0), 1.0))
