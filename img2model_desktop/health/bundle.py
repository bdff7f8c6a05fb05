"""What a bug report needs, in one archive, without the user's pictures, meshes, words or names.

Nothing is taken over as it lies: of jobs only what the program itself says, of texts what `scrub` leaves of them.
"""

import contextlib
import io
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from img2model_desktop import __version__, logs
from img2model_desktop.core import atomic
from img2model_desktop.core.events import Stage
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import catalog
from img2model_desktop.health import past
from img2model_desktop.health.checks import Check, Places
from img2model_desktop.health.limits import Alarms
from img2model_desktop.health.readings import KEYS
from img2model_desktop.health.scrub import Scrubber, system_names
from img2model_desktop.health.series import LEVELS, read_points, series_file, thinned
from img2model_desktop.health.watch import ALERTS_FILE

LOG_LINES = 2000
CRASHES = 5
POINTS = 720


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive.

    Args:
        name: in the archive.
        what: is in it, a sentence for the user.
        content: text, UTF-8.
    """

    name: str
    what: str
    content: str


def contents(places: Places, checks: Iterable[Check]) -> tuple[Member, ...]:
    """Everything that would be in the archive, for the user to see first.

    Args:
        places: where it is taken from.
        checks: what the doctor found.
    """
    folders = (places.data, places.logs, places.weights, places.database)
    names = [*system_names(), *past.names(places.database), *map(str, folders)]
    scrubber = Scrubber(names)
    return (
        Member("readme.txt", "What this archive is.", _README),
        _json("checks.json", "What the doctor found.", _checks(checks, scrubber)),
        _json("jobs.json", "Engines, stages and seconds of the newest jobs; why they failed.", _jobs(places, scrubber)),
        _json("readings.json", "Use of processor, memory and disk of the last day.", _readings(places)),
        _json("alerts.json", "Limits that were passed.", _alerts(places)),
        Member("log.txt", "The last lines of the log, without names.", _log(places.logs, scrubber)),
        Member("crashes.txt", "Where the program was when it died.", _crashes(places.logs, scrubber)),
    )


def write(path: Path, members: tuple[Member, ...]) -> None:
    """Writes the archive, whole or not at all. Raises SetupProblem."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            entry = zipfile.ZipInfo(member.name, time.gmtime()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.content.encode())
    atomic.write_file(path, made.getvalue())


def file_name(now: float) -> str:
    """A name for the archive."""
    return f"img2model-report-{time.strftime('%Y%m%d-%H%M', time.localtime(now))}.zip"


_README = f"""Report of Image2Model Desktop {__version__}

It holds figures, versions and the program's own messages.
Pictures, meshes and prompts are not in it. Names of people, machines, folders
and files were taken out: <name>, <path>, <file>, <address> and “…” stand there.
Nothing was sent anywhere: you decide who gets it.
"""


def _json(name: str, what: str, plain: Any) -> Member:
    return Member(name, what, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def _checks(checks: Iterable[Check], scrubber: Scrubber) -> list[dict[str, Any]]:
    return [_cleaned(asdict(check), scrubber) for check in checks]


def _cleaned(plain: Any, scrubber: Scrubber) -> Any:
    """All texts of a value scrubbed; the keys of dicts are the program's own."""
    match plain:
        case str():
            return plain if plain in _OWN else scrubber.clean(plain)
        case dict():
            return {key: _cleaned(value, scrubber) for key, value in plain.items()}
        case list() | tuple():
            return [_cleaned(value, scrubber) for value in plain]
    return plain


_ENGINES = frozenset(spec.key for spec in catalog.ENGINES)
_OWN = (
    _ENGINES
    | {stage.value for stage in Stage}
    | {quality.value for quality in Quality}
    | {"queued", "running", "done", "failed", "stopped", "mesh", "pictures", "ok", "warn", "bad", "missing", "damaged"}
    | {"input", "setup", "memory", "engine", "history", "bug", "opened", "newer", "", "ready"}
)
"""Words of the program: never the user's, even where a job is called the same."""


def _jobs(places: Places, scrubber: Scrubber) -> dict[str, Any]:
    found = past.look(places.database)
    jobs = []
    for number, job in enumerate(found.jobs):
        plain = asdict(job) | {"number": number}
        for name in ("state", "engine", "stage", "error_kind", "quality", "goal", "cutter", "maker"):
            plain[name] = plain[name] if plain[name] in _OWN else "other"
        plain["message"] = scrubber.clean(job.message)
        plain["decisions"] = [scrubber.clean(text) for text in job.decisions]
        jobs.append(plain)
    aside = [(engine if engine in _ENGINES else "other", scrubber.clean(reason)) for engine, reason in found.set_aside]
    state = {"standing": found.standing, "problem": scrubber.clean(found.problem), "version": found.version}
    return {**state, "count": found.count, "set_aside": aside, "jobs": jobs}


def _readings(places: Places) -> dict[str, Any]:
    name, every_s, _ = LEVELS[0]
    points = read_points(series_file(places.data, name))[0]
    if len(points):
        points = points.between(float(points.at[-1]) - past.DAY_S, float(points.at[-1]))
    points = thinned(points, POINTS)
    columns = {
        key: [round(float(value), 3) if value == value else None for value in points.column(key, highest=True)]
        for key in KEYS
    }
    return {"every_s": every_s, "at": [round(float(at)) for at in points.at], "highest": columns}


def _alerts(places: Places) -> list[dict[str, Any]]:
    return [asdict(alert) for alert in Alarms(places.data / ALERTS_FILE).alerts]


def _log(folder: Path, scrubber: Scrubber) -> str:
    return scrubber.clean(logs.last_lines(folder / logs.FILE_NAME, LOG_LINES)) + "\n"


def _crashes(folder: Path, scrubber: Scrubber) -> str:
    texts = []
    for path in sorted(folder.glob(logs.TRACES))[-CRASHES:]:
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            if text.strip():
                texts.append(scrubber.clean(text[-50_000:]))
    return "\n\n".join(texts) + "\n"
