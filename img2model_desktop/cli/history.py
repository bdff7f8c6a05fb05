"""`img2model history`: what was made is listed, found, exported and tidied up, also while the window is open."""

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from img2model_desktop import paths
from img2model_desktop.cli.meshes import progress_on_terminal
from img2model_desktop.cli.speech import print_json
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.shelf import Entry, Shelf, Wanted
from img2model_desktop.jobs.store import Store

EPILOG = "Reading works while the window is open; “clean --yes” needs it closed."
LAST = "last"
LIMIT = 20


def add_history(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    parser.usage = "img2model history [WORDS ...] [options] | show ID | export ID -o FILE | clean [--yes]"
    parser.epilog = f"{EPILOG} {parser.epilog}"
    add = parser.add_argument
    add(
        "what",
        nargs="*",
        metavar="WORDS",
        help="to look for; or: show ID, export ID, clean (ID: its beginning, or last)",
    )
    add("--json", action="store_true", help="one JSON object a line")
    add("--limit", type=int, default=LIMIT, metavar="N", help="at most so many, the newest; default: %(default)s")
    add("--state", choices=[str(state) for state in JobState], help="only jobs in this state")
    add("--tag", action="append", default=[], metavar="TAG", help="only with this tag (repeatable)")
    add("--engine", default="", metavar="KEY", help="only what this engine made")
    add("--stars", type=int, default=0, metavar="N", help="only with at least so many stars")
    add("--trash", action="store_true", help="what lies in the trash; with clean: empty it, too")
    add("-o", "--out", metavar="FILE", help="of export: where to; its suffix is the format")
    add("--dry-run", action="store_true", help="of clean: only say what would be freed, which is what it does anyway")
    add("--yes", action="store_true", help="of clean: do it")
    parser.set_defaults(run=_history)


def _history(arguments: argparse.Namespace) -> int:
    actions = {"show": (_show, 1), "export": (_export, 1), "clean": (_clean, 0)}
    if arguments.what and arguments.what[0] in actions:
        act, wants = actions[arguments.what[0]]
        if len(arguments.what) != 1 + wants:
            example = f"img2model history {arguments.what[0]}{' ID' if wants else ''}"
            raise InputProblem(
                f"“{arguments.what[0]}” takes {'one id' if wants else 'no words'}.", f"Such as: {example}"
            )
        return act(arguments)
    return _list(arguments)


def _list(arguments: argparse.Namespace) -> int:
    wanted = Wanted(
        words=" ".join(arguments.what),
        states=(arguments.state,) if arguments.state else (),
        tags=tuple(arguments.tag),
        engine=arguments.engine,
        stars=arguments.stars,
        is_trash=arguments.trash,
    )
    with _reading() as store:
        if store is None:
            _say_nothing(arguments.json)
            return 0
        shelf = Shelf(store)
        ids = shelf.search(wanted)
        for entry in shelf.entries(ids[: max(arguments.limit, 0)]):
            if arguments.json:
                print_json(_plain(entry))
            else:
                print(_line(entry))
    if not arguments.json:
        if not ids:
            print("Nothing was found.")
        elif len(ids) > arguments.limit:
            print(f"{len(ids) - arguments.limit:,} more; --limit {len(ids)} shows them all.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with _reading() as store:
        entry = _found(store, arguments.what[1])
    if arguments.json:
        print_json(_plain(entry) | {"request": entry.row.request.to_dict()})
        return 0
    row = entry.row
    print(f"{row.title}\n    id: {row.id}\n    folder: {row.folder}")
    for name, value in _plain(entry).items():
        if name not in ("id", "title", "folder") and value not in (None, "", [], {}):
            shown = ", ".join(f"{key}: {one}" for key, one in value.items()) if isinstance(value, dict) else value
            print(f"    {name}: {', '.join(map(str, shown)) if isinstance(shown, list) else shown}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from img2model_desktop.jobs.edits import current_mesh
    from img2model_desktop.jobs.export import export_mesh

    if not arguments.out:
        raise InputProblem("It is not said where to.", "Give -o FILE; its suffix is the format.")
    with _reading() as store:
        entry = _found(store, arguments.what[1])
    mesh = current_mesh(entry.row.folder)
    if not mesh.is_file():
        raise InputProblem(
            f"“{entry.row.title}” has no mesh.", "Choose a job that is done: img2model history --state done"
        )
    with progress_on_terminal(entry.row.title) as progress:
        exported = export_mesh(mesh, Path(arguments.out), progress=progress)
    if arguments.json:
        print_json({"id": entry.row.id, "path": str(exported.path), "faces": exported.faces})
    else:
        print(exported.path)
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    from img2model_desktop.jobs.disk_use import clear, facts_of, survey

    is_real = arguments.yes and not arguments.dry_run
    with _writing() if is_real else _reading() as store:
        if store is None:
            _say_nothing(arguments.json)
            return 0
        rows = store.database.select("SELECT id, state, trashed FROM job")
        known = {row["id"]: facts_of(JobState(row["state"]), row["trashed"]) for row in rows}
        with progress_on_terminal("looking") as progress:
            use = survey(str(store.jobs_folder), known, progress.update, lambda: False)
        found = {what.value: use.size_of(what) for what in use.clearable}
        if arguments.trash:
            found["trash"] = use.trash
        if is_real:
            paths_ = tuple(path for each in use.clearable.values() for path, _ in each)
            with progress_on_terminal("clearing") as progress:
                clear(str(store.jobs_folder), paths_, progress.update, lambda: False)
            _empty_trash(store, arguments.trash)
    _say_cleaned(found, use.total, is_real, arguments.json)
    return 0


def _empty_trash(store: Store, is_wished: bool) -> None:
    if is_wished:
        ids = [row.id for row in store.trashed()]
        store.empty_trash()
        Shelf(store).forget(ids)


def _say_cleaned(found: dict[str, int], total: int, is_real: bool, as_json: bool) -> None:
    if as_json:
        print_json({"freed" if is_real else "would_free": found, "total": total})
        return
    for what, size in found.items():
        print(f"{what}: {megabytes(size)}")
    print("They were removed." if is_real else f"Of {megabytes(total)} in all. Nothing was removed; --yes removes it.")


# -- reading and saying ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _reading() -> Iterator[Store | None]:
    """The history, to be read beside whoever writes it; None where there is none yet."""
    if not paths.history_file().is_file():
        yield None
        return
    store = Store(paths.history_file(), paths.jobs_dir(), writes=False)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def _writing() -> Iterator[Store | None]:
    """The history for this program alone."""
    store = Store(paths.history_file(), paths.jobs_dir())
    try:
        yield store
    finally:
        store.close()


def _found(store: Store | None, id_: str) -> Entry:
    """The entry whose id begins like this, or the newest one."""
    shelf = Shelf(store) if store is not None else None
    everything = shelf.search(Wanted()) + shelf.search(Wanted(is_trash=True)) if shelf is not None else ()
    matching = everything[:1] if id_ == LAST else tuple(known for known in everything if known.startswith(id_))
    if len(matching) > 1 and id_ in matching:
        matching = (id_,)
    if shelf is None or not matching:
        raise InputProblem(f"There is no job “{id_}”.", "img2model history lists them.")
    if len(matching) > 1:
        raise InputProblem(f"{len(matching)} jobs begin with “{id_}”.", "Give more of the id.")
    return shelf.entry(matching[0])


def _say_nothing(as_json: bool) -> None:
    if not as_json:
        print("Nothing was made yet.")


def _line(entry: Entry) -> str:
    row = entry.row
    facts = (
        time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created)),
        row.engine if row.state is JobState.DONE else str(row.state),
        f"{entry.faces:,} faces" if entry.faces else "",
        "★" * row.stars,
        " ".join(f"#{tag}" for tag in entry.tags),
    )
    return f"{row.id}  {row.title}  ({', '.join(fact for fact in facts if fact)})"


def _plain(entry: Entry) -> dict[str, Any]:
    row = entry.row
    return {
        "id": row.id,
        "title": row.title,
        "state": str(row.state),
        "engine": row.engine,
        "created": row.created,
        "seconds": row.seconds,
        "prompt": row.request.prompt,
        "picture": row.request.picture,
        "result": str(row.result_path) if row.result_path else None,
        "folder": str(row.folder),
        "faces": entry.faces,
        "watertight": entry.is_watertight,
        "bytes": entry.size_bytes,
        "verdict": entry.verdict,
        "stars": row.stars,
        "tags": list(entry.tags),
        "collections": list(entry.collections),
        "batch": row.batch,
        "error": f"{row.error_message} {row.error_advice}".strip(),
        "decisions": list(row.decisions),
        "warnings": list(row.warnings),
    }
