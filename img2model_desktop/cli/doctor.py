"""`img2model doctor`: whether everything that the program needs is there, and what to do where it is not."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from img2model_desktop import paths
from img2model_desktop.cli.speech import print_json
from img2model_desktop.health import checks
from img2model_desktop.health.checks import Check, Grade, Places
from img2model_desktop.health.past import DAY_S

EXIT_NOT_READY = 3
_SIGNS = {Grade.OK: "ok  ", Grade.WARN: "warn", Grade.BAD: "bad "}
_COLOURS = {Grade.OK: "32", Grade.WARN: "33", Grade.BAD: "31"}


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--html", metavar="FILE", default="", help="also a page with the readings of the last day")
    parser.add_argument("--bundle", metavar="FILE", default="", help="also an archive for a bug report, without names")
    parser.epilog = f"exit codes: 0 everything works, {EXIT_NOT_READY} something is not ready"
    parser.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    places = installation()
    found = checks.examine(places, _print_plain if arguments.json else _print)
    if arguments.html:
        _write_page(places, found, Path(arguments.html))
    if arguments.bundle:
        _write_bundle(places, found, Path(arguments.bundle))
    return EXIT_NOT_READY if checks.worst(found) is Grade.BAD else 0


def _write_page(places: Places, found: tuple[Check, ...], path: Path) -> None:
    from img2model_desktop.health.page import Report, save  # brings numpy: not with every other command
    from img2model_desktop.health.series import LEVELS, read_points, series_file

    now = time.time()
    points = read_points(series_file(places.data, LEVELS[0][0]))[0].between(now - DAY_S, now)
    save(Report(now, now - DAY_S, points=points, checks=found), path)
    print(f"Page: {path}", file=sys.stderr)


def _write_bundle(places: Places, found: tuple[Check, ...], path: Path) -> None:
    from img2model_desktop.health import bundle

    members = bundle.contents(places, found)
    bundle.write(path, members)
    print(f"Bundle: {path}. It holds:", file=sys.stderr)
    for member in members:
        print(f"  {member.name:14} {len(member.content.encode()):8,} bytes  {member.what}", file=sys.stderr)


def installation() -> Places:
    """Where this installation keeps its files."""
    return Places(paths.data_dir(), paths.logs_dir(), paths.weights_dir(), paths.resources_dir(), paths.history_file())


def _print_plain(check: Check) -> None:
    print_json(asdict(check))


def _print(check: Check) -> None:
    sign = _SIGNS[check.grade]
    if sys.stdout.isatty():
        sign = f"\x1b[{_COLOURS[check.grade]}m{sign}\x1b[0m"
    advice = f"\n{'':21}{check.advice}" if check.advice else ""
    print(f"{sign} {check.title:15} {check.what}{advice}", flush=True)
