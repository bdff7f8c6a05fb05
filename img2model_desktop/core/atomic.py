"""Files that are there whole or not at all.

Everything is written and flushed under a hidden name beside its target and takes its name in one step. Whatever fails
on the way, nothing half-written stays and an existing file keeps its content.
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from img2model_desktop.errors import SetupProblem

HIDDEN_PREFIX = ".image2model-"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def write_files(folder: Path, contents: Mapping[str, bytes], *, flush: bool = True) -> None:
    """Writes several files that belong together, all or none, the first name last (it refers to the others).

    Args:
        folder: that exists.
        contents: bytes by file name.
        flush: see `write_file`.

    Raises:
        SetupProblem: the disk is full, the folder is missing or not writable, a name is too long, a name is taken by
            a folder.
    """
    with staging(folder) as hidden:
        for name, content in contents.items():
            write_staged(hidden / name, content, flush=flush)
        publish(hidden, folder, tuple(contents), flush=flush)


def write_file(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Writes one file, whole or not at all; raises SetupProblem as `write_files` does.

    Args:
        flush: wait until the disk has it, so that it lasts through a power cut; a disk may take 10 ms for that.
    """
    write_files(path.parent, {path.name: content}, flush=flush)


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A hidden folder inside `folder`, gone at the end with all that is still in it. Raises SetupProblem."""
    # not tempfile.mkdtemp: what is made in its folders belongs to one user alone, on Windows even after it has moved
    hidden = folder / f"{HIDDEN_PREFIX}{secrets.token_hex(4)}"
    try:
        hidden.mkdir()
    except OSError as problem:
        raise setup_problem(problem, folder) from None
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_staged(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Writes a file in a folder of `staging`; see `write_file`. Raises SetupProblem."""
    try:
        with path.open("wb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
    except OSError as problem:
        raise setup_problem(problem, path) from None


def publish(hidden: Path, folder: Path, names: tuple[str, ...], *, flush: bool = True) -> None:
    """Moves staged files to their names, the first one last; puts everything back when one of them fails.

    Args:
        hidden: folder that `staging` made in `folder`.
        names: of the files in it.
        flush: see `write_file`.

    Raises:
        SetupProblem: a name is too long, taken by a folder, or (Windows) in use by another program.
    """
    kept = hidden / "kept"
    done: list[str] = []
    try:
        if len(names) > 1:
            kept.mkdir()
        for name in reversed(names):
            target = folder / name
            if len(names) > 1 and target.is_file():
                target.replace(kept / name)
            done.append(name)
            (hidden / name).replace(target)
    except OSError as problem:
        _put_back(kept, folder, done, hidden)
        raise setup_problem(problem, folder / (done[-1] if done else names[0])) from None
    if flush:
        _flush_folder(folder)


def _put_back(kept: Path, folder: Path, done: list[str], hidden: Path) -> None:
    for name in done:
        with contextlib.suppress(OSError):
            if (kept / name).exists():
                (kept / name).replace(folder / name)
            elif not (hidden / name).exists():
                (folder / name).unlink()


def _flush_folder(folder: Path) -> None:
    """Makes the new names last through a power cut, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def setup_problem(problem: OSError, path: Path) -> SetupProblem:
    """What an error of the file system means, in words."""
    code, details = problem.errno, str(problem)
    if code in _FULL:
        return SetupProblem(
            f"There is not enough space left to save “{shown(path)}”.",
            "Free some space or choose another disk.",
            details,
        )
    if code == errno.ENAMETOOLONG:
        return SetupProblem(f"The file name “{shown(path)}” is too long.", "Choose a shorter name.", details)
    if code in _READ_ONLY:
        return SetupProblem(
            f"“{shown(path)}” cannot be written: this place is read-only or belongs to another user.",
            "Choose another folder, or close the program that uses the file.",
            details,
        )
    if code in (errno.ENOENT, errno.ENOTDIR):
        return SetupProblem(
            f"The folder for “{shown(path)}” is not there.", "Make it first or choose another folder.", details
        )
    if code in (errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY):
        return SetupProblem(f"“{shown(path)}” is a folder.", "Choose another file name.", details)
    if code == errno.EFBIG:
        return SetupProblem(
            f"“{shown(path)}” is larger than this disk allows for one file.", "Choose another disk.", details
        )
    return SetupProblem(f"“{shown(path)}” cannot be saved.", "Choose another folder or disk.", details)


def shown(path: Path) -> str:
    """The file's name, shortened in the middle for a message."""
    name = (path.name or str(path)).encode("utf-8", "replace").decode()  # a name may hold bytes that are no text
    return name if len(name) <= 60 else f"{name[:36]}…{name[-20:]}"
