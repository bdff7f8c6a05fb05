"""`img2model weights`: published weights that the user brings, for the engines that need some."""

import argparse
import contextlib
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img2model_desktop import paths
from img2model_desktop.cli.meshes import progress_on_terminal
from img2model_desktop.cli.speech import print_json
from img2model_desktop.engines import catalog
from img2model_desktop.engines.bench import convert_weights
from img2model_desktop.engines.weights import converted, delivery, sets
from img2model_desktop.engines.weights.delivery import Terms
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.library import HOWS, Found, Library, Origin, SetState, Standing
from img2model_desktop.engines.weights.pipelines import Pipeline, Pipelines, is_pipeline
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem

EPILOG = (
    "Only “download” goes to the network, after you have agreed. Or fetch the files where “list” says, on any machine, "
    "and import their folder. Ctrl+C pauses a download; the same command goes on with it."
)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    parser.epilog = f"{EPILOG} {parser.epilog}"
    commands = parser.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, summary: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        command.set_defaults(run=run)
        return command

    add("list", "every set and pipeline: state, size, licence, how fast here, where to get it", _list)
    command = add("import", "takes in what a folder or file holds, whatever its name", _import)
    command.add_argument("path", metavar="PATH", help="clone or cache of the hub, folder, file, export, or pipeline")
    command.add_argument("--how", choices=HOWS, default="copy", help="default: %(default)s; link leaves files there")
    command.add_argument("--only", metavar="KEY", default="", help="this set, where PATH holds several")
    command = add("verify", "reads the files of a set, or of all, and compares them with what they were", _verify)
    command.add_argument("key", nargs="?", metavar="KEY", default="", help="of “list”")
    command = add("download", "fetches a set, or what is damaged of it, after you have agreed to the terms", _download)
    command.add_argument("key", metavar="KEY", help="of “list”")
    command.add_argument("--yes", action="store_true", help="agree to the terms, which are printed without it")
    command.add_argument("--host", metavar="URL", default=delivery.HOST, help="a mirror; default: %(default)s")
    command = add(
        "convert", "makes safetensors of a PyTorch file, or half precision; the files themselves stay", _convert
    )
    command.add_argument("key", metavar="KEY", help="of “list”")
    command.add_argument("--half", action="store_true", help="in half precision, where the engine takes it")
    command.add_argument("--drop", action="store_true", help="delete what was made")
    command = add("export", "copies a set into a folder, for another machine", _export)
    command.add_argument("key", metavar="KEY", help="of “list”")
    command.add_argument("folder", metavar="DIR", help="that is there, such as a USB stick")
    command = add("remove", "takes a set out of the library; linked files stay where they are", _remove)
    command.add_argument("key", metavar="KEY", help="of “list”")


def _list(arguments: argparse.Namespace) -> int:
    speeds = _Speeds()
    for state in _library().states():
        _say(state, arguments.json, speeds)
    for pipeline in _pipelines().entries():
        _say_pipeline(pipeline, arguments.json)
    return 0


class _Speeds:
    """How long the sets' engines take here: as the history tells, else guessed from the speed of the processor."""

    def __init__(self) -> None:
        from img2model_desktop.jobs.database import Database
        from img2model_desktop.jobs.estimates import NETWORK_SHARE, StageTimes, measure_processor

        self._tflops = NETWORK_SHARE * max(measure_processor(None, None) for _ in range(3))  # others may be at work
        self._learned: dict[str, list[float]] = {}
        if not paths.history_file().is_file():
            return
        with (
            contextlib.suppress(Img2ModelError),
            contextlib.closing(Database(paths.history_file(), writes=False)) as database,
        ):
            for (_, engine, _), seconds in StageTimes(database).durations().items():
                self._learned.setdefault(engine, []).extend(seconds)

    def of(self, weight_set: WeightSet) -> tuple[float, bool]:
        """Seconds of a run, and whether this machine has taken them in truth."""
        engines = [spec.key for spec in catalog.ENGINES if spec.weights == weight_set.key]
        took = [seconds for engine in engines for seconds in self._learned.get(engine, ())]
        return (statistics.median(took), True) if took else (weight_set.tflop / self._tflops, False)

    def words(self, weight_set: WeightSet) -> str:
        """For people."""
        seconds, is_known = self.of(weight_set)
        about = "less than a second" if seconds < 1 else f"about {seconds:.0f} s"
        return f"{about} a picture here" + ("" if is_known else " by a first guess, on the processor")


def _import(arguments: argparse.Namespace) -> int:
    library = _library()
    path = Path(arguments.path)
    if not arguments.only and is_pipeline(path):
        _say_pipeline(_pipelines().add(path), arguments.json)
        return 0
    with progress_on_terminal("looking") as progress:
        if arguments.only:
            sets.find(arguments.only)  # a wrong key is told before the disk is read
            everything: tuple[Found, ...] = (library.find(path, arguments.only, progress),)
        else:
            everything = library.find_all(path, progress)
    for found in everything:
        with progress_on_terminal(found.weight_set.title) as progress:
            state = library.take(found, arguments.how, progress)
        _say(state, arguments.json)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    library = _library()
    here = [state.key for state in library.states() if state.standing is not Standing.MISSING]
    if arguments.key in _names():
        with progress_on_terminal(arguments.key) as progress:
            _say_pipeline(_pipelines().verify(arguments.key, progress), arguments.json)
        return 0
    keys = [arguments.key] if arguments.key else here
    for key in keys:
        with progress_on_terminal(key) as progress:
            state = library.verify(key, progress)
        _say(state, arguments.json)
    if not keys and not arguments.json:
        print("There is nothing to verify: no weights were imported yet.")
    return 0


def _download(arguments: argparse.Namespace) -> int:
    library, key = _library(), arguments.key
    terms = delivery.terms_of(key, arguments.host)
    if not arguments.yes and not _is_agreed_to(terms, library, arguments.json):
        return InputProblem.exit_code
    pace = delivery.Pace(terms.weight_set.bytes)

    def words(fraction: float) -> str:
        pace.add(fraction, time.monotonic())
        return pace.words(time.monotonic())

    with progress_on_terminal(terms.weight_set.title, words) as progress:
        try:
            state = delivery.fetch(library, key, terms.consent, arguments.host, progress)
        except Cancelled:
            left = delivery.waiting(library, key)
            if left:
                print(f"\n{megabytes(left.bytes)} are kept: the same command goes on from there.", file=sys.stderr)
            raise
    _say(state, arguments.json)
    return 0


def _is_agreed_to(terms: Terms, library: Library, as_json: bool) -> bool:
    """Shows the terms; asks where somebody can answer."""
    free = shutil.disk_usage(library.place).free
    if as_json:
        print_json({"terms": terms.text, "consent": terms.consent, "bytes": terms.weight_set.bytes, "free": free})
    else:
        print(terms.text)
        print(f"{megabytes(free)} are free at {library.place}.")
        print("Instead you can copy the files above from another machine: img2model weights import FOLDER")
    if not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        return input("Agree and download? [y/N] ").strip().lower() in ("y", "yes")
    print("Nothing was downloaded. Agree with --yes.", file=sys.stderr)
    return False


def _convert(arguments: argparse.Namespace) -> int:
    weight_set = sets.find(arguments.key)
    files = _library().folder(arguments.key)
    if arguments.drop:
        converted.drop(files)
        return 0
    with progress_on_terminal(weight_set.title) as progress:
        made = convert_weights(files, weight_set, arguments.half, progress)
    if arguments.json:
        print_json({"key": arguments.key, "path": str(made), "bytes": made.stat().st_size})
    else:
        print(f"{made} ({megabytes(made.stat().st_size)}) is used from now on; it may be deleted.")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with progress_on_terminal(arguments.key) as progress:
        target = _library().export(arguments.key, Path(arguments.folder), progress)
    if arguments.json:
        print_json({"key": arguments.key, "path": str(target)})
    else:
        print(f"{target}\nOn the other machine: img2model weights import {target.name}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    if arguments.key in _names():
        _pipelines().remove(arguments.key)
        if not arguments.json:
            print(f"{arguments.key} is off the list; its folder stays as it is.")
        return 0
    library = _library()
    library.remove(arguments.key)
    _say(library.state(arguments.key), arguments.json)
    return 0


def _library() -> Library:
    return Library(paths.weights_dir())


def _pipelines() -> Pipelines:
    return Pipelines(paths.weights_dir())


def _names() -> set[str]:
    """Of the user's own pipelines; a set's key comes first where both have it."""
    return {entry.name for entry in _pipelines().entries()} - {entry.key for entry in sets.SETS}


def _say_pipeline(pipeline: Pipeline, as_json: bool) -> None:
    if as_json:
        plain = {"key": pipeline.name, "title": pipeline.title, "pipeline": pipeline.class_name}
        about = {"path": str(pipeline.path), "licence": pipeline.licence, "bytes": pipeline.bytes}
        print_json(plain | about | {"state": "damaged" if pipeline.problem else "ready", "problem": pipeline.problem})
        return
    state = f"damaged. {pipeline.problem}" if pipeline.problem else f"ready, {megabytes(pipeline.bytes)}, linked"
    print(f"{pipeline.name}  ({pipeline.licence or 'no licence named'})  {pipeline.kind.title}: {state}")
    print(f"    pictures from words: {pipeline.path}")


def _say(state: SetState, as_json: bool, speeds: _Speeds | None = None) -> None:
    if as_json:
        print_json(_plain(state) | _plain_speed(state, speeds))
        return
    weight_set = state.weight_set
    print(f"{state.key}  ({state.licence})  {weight_set.title}: {_standing(state)}")
    if speeds is not None:
        print(f"    {_uses(weight_set)}; {speeds.words(weight_set)}")
    if state.standing is not Standing.READY:
        files = ", ".join(f"{file.path} ({megabytes(file.bytes)})" for file in weight_set.files)
        print(f"    published as {weight_set.source}{_at(weight_set.revision)}: {files}")


def _uses(weight_set: WeightSet) -> str:
    """The engines that need a set."""
    engines = [f"{spec.role} “{spec.key}”" for spec in catalog.ENGINES if spec.weights == weight_set.key]
    return f"for {', '.join(engines)}" if engines else "no engine uses it yet"


def _plain_speed(state: SetState, speeds: _Speeds | None) -> dict[str, Any]:
    if speeds is None:
        return {}
    seconds, is_known = speeds.of(state.weight_set)
    return {"tflop": state.weight_set.tflop, "seconds": round(seconds, 2), "is_measured": is_known}


def _standing(state: SetState) -> str:
    if state.standing is Standing.MISSING:
        return f"missing, {megabytes(state.weight_set.bytes)}"
    if state.standing is Standing.DAMAGED:
        return f"damaged. {state.problem}"
    words = ["ready", megabytes(state.bytes)]
    words += ["linked"] if state.how == "link" else []
    words += [str(state.origin)] if state.origin else ["not verified yet"]
    if state.origin is Origin.OTHER:
        words.append(
            f"from {state.source}"
            if state.source != state.weight_set.source
            else "a fine-tune, another precision, or a damaged copy"
        )
    return ", ".join(words)


def _at(revision: str) -> str:
    return f" at {revision[:12]}" if revision else ""


def _plain(state: SetState) -> dict[str, Any]:
    weight_set = state.weight_set
    return {
        "key": state.key,
        "title": weight_set.title,
        "state": str(state.standing),
        "origin": str(state.origin) if state.origin else None,
        "licence": state.licence,
        "bytes": state.bytes,
        "how": state.how,
        "verified": state.verified,
        "problem": state.problem,
        "source": state.source,
        "published": {
            "source": weight_set.source,
            "revision": weight_set.revision,
            "licence": weight_set.licence,
            "bytes": weight_set.bytes,
            "files": [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in weight_set.files],
        },
    }
