"""The doctor: looks at everything that the program needs, one thing after the other, and says what to do.

What may take a process with it (graphics drivers, torch) is looked at from a process of its own.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from img2model_desktop import __version__, logs
from img2model_desktop.aside import Helper
from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights.library import Library, Standing
from img2model_desktop.errors import Cancelled, Img2ModelError
from img2model_desktop.health import packages, past
from img2model_desktop.health.readings import GIB, CardReader

PROBE_LIMIT_S = 90.0  # torch takes 20 s from a cold slow disk
DISK_BYTES = 32_000_000
_PROBE = "img2model_desktop.gui.probe"
_SLOW_DRAWING = ("llvmpipe", "softpipe", "swiftshader", "software", "gdi generic", "basic render")


class Grade(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # the program works, something does not, or slowly
    BAD = "bad"  # the program, or a part that was set up, does not work


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Args:
        key: stable.
        title: what was looked at, one or two words.
        grade: how it came out.
        what: what was found, a sentence without advice.
        advice: what to do, a sentence, or "" where nothing is to be done.
        facts: figures and names for machines.
    """

    key: str
    title: str
    grade: Grade
    what: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """What the doctor looks at.

    Args:
        data, logs, weights, resources: folders.
        database: of the history.
    """

    data: Path
    logs: Path
    weights: Path
    resources: Path
    database: Path


def examine(places: Places, told: Callable[[Check], None] = lambda _check: None) -> tuple[Check, ...]:
    """Looks at everything; takes some seconds, most of it for loading torch.

    Args:
        places: of this installation.
        told: called with each result as soon as there is one.
    """
    made = []
    for check in _all(places):
        told(check)
        made.append(check)
    return tuple(made)


def worst(checks: tuple[Check, ...]) -> Grade:
    """The gravest of them."""
    grades = {check.grade for check in checks}
    return Grade.BAD if Grade.BAD in grades else Grade.WARN if Grade.WARN in grades else Grade.OK


def _all(places: Places) -> Iterator[Check]:
    yield program()
    yield python()
    yield libraries()
    yield clock(places)
    yield memory()
    yield data_folder(places.data)
    yield disk(places.data)
    yield history(places.database)
    yield deaths(places.logs)
    yield bundled(places.resources)
    yield weights(places.weights)
    yield licences(places.weights)
    yield from window()
    yield card()
    yield networks()


# -- the program and its libraries -------------------------------------------------------------------------------------


def program() -> Check:
    """Its version and the system it runs on."""
    what = f"Image2Model Desktop {__version__} on {platform.system()} {platform.release()}, {platform.machine()}."
    facts = {"version": __version__, "system": platform.system(), "machine": platform.machine()}
    return Check("program", "Program", Grade.OK, what, facts=facts)


def python(version: tuple[int, int] = sys.version_info[:2], bits: int = sys.maxsize.bit_length() + 1) -> Check:
    """Whether the interpreter is one that the program is made for."""
    what = f"Python {platform.python_version()}, {bits} bits."
    facts = {"version": platform.python_version(), "bits": bits}
    if bits < 64:
        return Check("python", "Python", Grade.BAD, what, "Install the 64-bit Python; engines need it.", facts)
    if not (3, 11) <= version < (3, 14):
        return Check("python", "Python", Grade.WARN, what, "Python 3.11 to 3.13 are tested; use one of them.", facts)
    return Check("python", "Python", Grade.OK, what, facts=facts)


def libraries() -> Check:
    """Whether all are there, in the versions that the program was tested with."""
    found = packages.compare()
    facts = {"versions": {item.name: item.version for item in found}}
    missing = [item.name for item in found if not item.version]
    others = [f"{item.name} {item.version} for {item.wanted}" for item in found if item.version and not item.fits]
    if missing:
        what = f"Missing: {', '.join(missing)}."
        return Check("libraries", "Libraries", Grade.BAD, what, "Install the program again.", facts)
    if others:
        advice = "Fine as long as everything works; else install the program again."
        return Check("libraries", "Libraries", Grade.WARN, f"Other versions: {', '.join(others)}.", advice, facts)
    return Check("libraries", "Libraries", Grade.OK, f"All {len(found)} are there, as tested.", facts=facts)


def clock(places: Places, now: float | None = None) -> Check:
    """Whether the machine's clock can be right: jobs are told apart by it."""
    now = time.time() if now is None else now
    newest = max((job.created for job in past.look(places.database, 1).jobs), default=0.0)
    what = f"It is {time.strftime('%d %B %Y, %H:%M', time.localtime(now))} by this machine's clock."
    if now < _YEAR_2026 or newest > now + past.DAY_S:
        return Check("clock", "Clock", Grade.WARN, what, "Set the clock: the history is sorted by it.")
    return Check("clock", "Clock", Grade.OK, what)


_YEAR_2026 = 1_767_225_600.0  # the program is not older


# -- the machine -------------------------------------------------------------------------------------------------------


def memory(total: float | None = None, available: float | None = None) -> Check:
    """Whether there is enough of it; bytes."""
    found = psutil.virtual_memory()
    total = found.total if total is None else total
    available = found.available if available is None else available
    what = f"{available / GIB:.1f} of {total / GIB:.1f} GiB are free."
    facts = {"total": total, "available": available}
    if available < 1.0 * GIB:
        return Check("memory", "Memory", Grade.BAD, what, "Close other programs: a job takes 1 GiB and more.", facts)
    if total < 7.5 * GIB or available < 3.0 * GIB:
        return Check("memory", "Memory", Grade.WARN, what, "Large engines need 4 GiB; close other programs.", facts)
    return Check("memory", "Memory", Grade.OK, what, facts=facts)


def data_folder(folder: Path) -> Check:
    """Whether it can be written, and how much room is left."""
    probe = folder / f".doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"1")
        probe.unlink()
        free = psutil.disk_usage(str(folder)).free
    except OSError as problem:
        advice = "Give yourself the right to write there, or move it with IMG2MODEL_HOME."
        return Check("data", "Data folder", Grade.BAD, f"{folder} cannot be written ({problem.strerror}).", advice)
    what, facts = f"{free / GIB:.1f} GiB are free in {folder}.", {"free": free}
    if free < 1.0 * GIB:
        return Check("data", "Data folder", Grade.BAD, what, "Free some space: a job takes up to 1 GiB.", facts)
    if free < 5.0 * GIB:
        return Check("data", "Data folder", Grade.WARN, what, "Free some space before long batches.", facts)
    return Check("data", "Data folder", Grade.OK, what, facts=facts)


def disk(folder: Path) -> Check:
    """How fast its disk takes 32 MB that have to last."""
    probe = folder / f".doctor-{os.getpid()}"
    block = os.urandom(1_000_000)
    try:
        began = time.perf_counter()
        with probe.open("wb") as file:
            for _ in range(DISK_BYTES // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        speed = DISK_BYTES / 1e6 / max(time.perf_counter() - began, 1e-6)
    except OSError as problem:
        what = f"32 MB could not be written ({problem.strerror})."
        return Check("disk", "Disk", Grade.BAD, what, "Free some space, or check the disk.")
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    what, facts = f"It writes {speed:,.0f} MB a second.", {"mb_per_s": round(speed, 1)}
    if speed < 20:
        return Check("disk", "Disk", Grade.WARN, what, "Move the data to a faster disk with IMG2MODEL_HOME.", facts)
    return Check("disk", "Disk", Grade.OK, what, facts=facts)


def card() -> Check:
    """The graphics card, as far as its driver tells."""
    reader = CardReader()
    found, now = reader.card, reader.read()
    reader.close()
    if not found.name:
        return Check("card", "Graphics card", Grade.OK, found.note)
    parts = [f"{found.name}, {found.memory_gib:.0f} GiB, driver {found.driver}"]
    parts += [f"{now['card_temperature']:.0f} °C"] if "card_temperature" in now else []
    parts += [f"{now['card_memory']:.0f} % of its memory in use"] if "card_memory" in now else []
    facts: dict[str, Any] = {"name": found.name, "memory_gib": found.memory_gib, "driver": found.driver} | now
    return Check("card", "Graphics card", Grade.OK, f"{', '.join(parts)}.", facts=facts)


# -- what the program keeps --------------------------------------------------------------------------------------------


def history(database: Path) -> Check:
    """The database's version and whether it is whole."""
    found = past.look(database, 1)
    facts = {"version": found.version, "jobs": found.count}
    match found.standing:
        case "missing":
            return Check("history", "History", Grade.OK, "There is none yet.", facts=facts)
        case "newer":
            what = f"It is of version {found.version}, written by a newer version of this program."
            return Check("history", "History", Grade.BAD, what, "Install the newest version.", facts)
        case "damaged":
            advice = "Start the program: it keeps the damaged file aside and finds the results again."
            return Check("history", "History", Grade.BAD, f"It is damaged ({found.problem}).", advice, facts)
    what = f"{found.count} jobs, version {found.version}, whole."
    if found.set_aside:
        engines = ", ".join(engine for engine, _ in found.set_aside)
        advice = "Let them try again under Engines and weights."
        return Check("history", "History", Grade.WARN, f"{what} Set aside: {engines}.", advice, facts)
    return Check("history", "History", Grade.OK, what, facts=facts)


def deaths(folder: Path) -> Check:
    """Whether the program or its helper processes died lately."""
    since = time.time() - 7 * past.DAY_S
    counts = [logs.deaths(folder, pattern, since) for pattern in (logs.WINDOW_TRACES, logs.HELPER_TRACES)]
    facts = {"program": counts[0], "helpers": counts[1]}
    if any(counts):
        what = f"In the last week the program died {counts[0]} times, its helper processes {counts[1]} times."
        return Check("deaths", "Crashes", Grade.WARN, what, "Save a bundle with --bundle and report it.", facts)
    return Check("deaths", "Crashes", Grade.OK, "None in the last week.", facts=facts)


def bundled(resources: Path) -> Check:
    """Whether the files that come with the program are there: fonts, icons, its own network."""
    from PIL import ImageFont

    broken = []
    for path in [*sorted((resources / "fonts").glob("*.ttf")), resources / "fonts" / "sign.ttf"]:
        try:
            ImageFont.truetype(str(path), 12)
        except OSError:
            broken.append(path.name)
    broken += [name for name in ("icons/app.svg", "weights/twin.safetensors") if not (resources / name).is_file()]
    if broken:
        what = f"Missing or damaged: {', '.join(broken)}."
        return Check("files", "Program files", Grade.BAD, what, "Install the program again.")
    return Check("files", "Program files", Grade.OK, "Fonts, icons and samples are there.")


def weights(folder: Path) -> Check:
    """Which sets are there, and whether their files are."""
    states = Library(folder).states()
    ready = [state for state in states if state.standing is Standing.READY]
    damaged = [state for state in states if state.standing is Standing.DAMAGED]
    facts = {state.key: str(state.standing) for state in states}
    if damaged:
        what = " ".join(f"{state.weight_set.title} is damaged: {state.problem}" for state in damaged)
        return Check("weights", "Weights", Grade.BAD, what, "Import them again, or remove them.", facts)
    if not ready:
        what = "None are here; the built-in engines need none."
        return Check("weights", "Weights", Grade.OK, what, facts=facts)
    sizes = ", ".join(f"{state.weight_set.title} ({state.bytes / 1e6:.0f} MB)" for state in ready)
    return Check("weights", "Weights", Grade.OK, f"Ready: {sizes}.", facts=facts)


def licences(folder: Path) -> Check:
    """Under which licences the engines are that can run here."""
    here = [state for state in Library(folder).states() if state.standing is Standing.READY]
    names = sorted({spec.licence for spec in catalog.ENGINES if not spec.weights} | {state.licence for state in here})
    unknown = [state.weight_set.title for state in here if state.licence in ("", "unknown")]
    facts = {"licences": names}
    if unknown:
        what = f"Not known for {', '.join(unknown)}."
        return Check("licences", "Licences", Grade.WARN, what, "Ask where you have the files from.", facts)
    return Check("licences", "Licences", Grade.OK, f"{', '.join(names)}.", facts=facts)


# -- what is looked at from another process ----------------------------------------------------------------------------


def window() -> tuple[Check, Check]:
    """Whether Qt starts on this display, and whether OpenGL draws."""
    found = _probed()
    if found is None:
        what = "The window system could not be reached, or its driver broke down."
        advice = "On a machine without a display this is as it should be; else install the graphics driver anew."
        both = (
            Check("display", "Display", Grade.WARN, what, advice),
            Check("opengl", "OpenGL", Grade.WARN, what, advice),
        )
        return both
    width, height = found["screen"]
    what = f"Qt {found['qt']} on {found['platform']}, {width} x {height}, {found['families']} font families."
    enough = width >= _LEAST[0] and height >= _LEAST[1]
    advice = "" if enough else f"The window needs {_LEAST[0]} x {_LEAST[1]}."
    display = Check("display", "Display", Grade.OK if enough else Grade.WARN, what, advice, found)
    return display, _opengl(found)


_LEAST = (960, 600)


def _opengl(found: dict[str, Any]) -> Check:
    if found.get("platform") in ("offscreen", "minimal"):
        what, advice = "There is no display to draw on.", "The window needs one; the command line does without."
        return Check("opengl", "OpenGL", Grade.WARN, what, advice)
    if not found["opengl"]:
        what, advice = "No OpenGL 3.3 context could be made.", "Install the driver of your graphics card."
        return Check("opengl", "OpenGL", Grade.BAD, what, advice)
    what = f"{found['opengl']} by {found['renderer']}."
    if any(word in found["renderer"].lower() for word in _SLOW_DRAWING):
        advice = "The processor draws: it works, but slowly. Install the driver of your graphics card."
        return Check("opengl", "OpenGL", Grade.WARN, what, advice)
    return Check("opengl", "OpenGL", Grade.OK, what)


def _probed() -> dict[str, Any] | None:
    command = [sys.executable, "-m", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False)
        found = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return None
    return found if isinstance(found, dict) else None


def networks() -> Check:
    """Whether torch loads in a helper process, and on which device networks would run."""
    helper = Helper(())
    limit = time.monotonic() + PROBE_LIMIT_S

    def tick(_fraction: float) -> None:
        if time.monotonic() > limit:
            raise Cancelled

    began = time.monotonic()
    try:
        version, device = helper.run(find_device, tick=tick)
    except (Cancelled, Img2ModelError, RuntimeError) as problem:
        lines = str(problem).strip().splitlines() or ["it took too long"]
        what = f"PyTorch does not load: {lines[-1]}"
        return Check("networks", "Networks", Grade.BAD, what.rstrip(".") + ".", "Install the program again.")
    finally:
        helper.close()
    seconds = time.monotonic() - began
    what = f"PyTorch {version} on {device}, loaded in {seconds:.1f} s."
    return Check("networks", "Networks", Grade.OK, what, facts={"torch": version, "device": device})


def find_device(report: Any, is_cancelled: Any) -> tuple[str, str]:  # noqa: ARG001 - runs aside
    """Version of torch, and the name of the device that engines choose."""
    import importlib
    from importlib import metadata

    device = importlib.import_module("img2model_desktop.engines.device")  # by name: it loads torch
    return metadata.version("torch"), device.choose().name
