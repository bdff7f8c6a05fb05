"""Whole or not at all."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2model_desktop.core import atomic
from img2model_desktop.errors import SetupProblem


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 200 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = os.name == "posix" and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    atomic.write_file(tmp_path / "a.bin", b"old")
    atomic.write_file(tmp_path / "a.bin", b"new")
    assert _content(tmp_path) == {"a.bin": b"new"}


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tiny_disk: Path) -> None:
    atomic.write_file(tiny_disk / "a.bin", b"old")
    with pytest.raises(SetupProblem, match=r"not enough space left to save “a\.bin”"):
        atomic.write_file(tiny_disk / "a.bin", bytes(300_000))
    assert _content(tiny_disk) == {"a.bin": b"old"}


def test_files_that_belong_together_are_all_old_or_all_new(tiny_disk: Path) -> None:
    atomic.write_files(tiny_disk, {"a": b"1", "b": b"2"})
    with pytest.raises(SetupProblem, match="not enough space"):
        atomic.write_files(tiny_disk, {"a": b"3", "b": bytes(300_000)})
    assert _content(tiny_disk) == {"a": b"1", "b": b"2"}
    atomic.write_files(tiny_disk, {"a": b"3", "b": b"4"})
    assert _content(tiny_disk) == {"a": b"3", "b": b"4"}


def test_a_name_that_cannot_be_taken_puts_the_others_back(tmp_path: Path) -> None:
    (tmp_path / "main" / "full").mkdir(parents=True)
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(SetupProblem, match="“main” is a folder"):
        atomic.write_files(tmp_path, {"main": b"1", "old": b"2", "new": b"3"})
    assert _content(tmp_path) == {"old": b"old"}
    assert (tmp_path / "main" / "full").is_dir()


def test_a_missing_folder_and_a_long_name(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="folder for “nowhere” is not there"):
        atomic.write_file(tmp_path / "nowhere" / "a", b"")
    with pytest.raises(SetupProblem, match="too long") as caught:
        atomic.write_file(tmp_path / ("x" * 300), b"")
    assert len(caught.value.message) < 120
    assert not any(tmp_path.iterdir())


def test_a_read_only_place(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    as_root = os.name == "posix" and os.geteuid() == 0
    if as_root:  # permissions do not stop root; a read-only mount does
        command = ["mount", "-t", "tmpfs", "-o", "ro,size=100k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights than this root has")
    else:
        folder.chmod(0o500)
    try:
        with pytest.raises(SetupProblem, match="cannot be written"):
            atomic.write_file(folder / "a", b"")
    finally:
        if as_root:
            subprocess.run(["umount", str(folder)], check=True)
        else:
            folder.chmod(0o700)


def test_the_hidden_folder_goes_even_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.staging(tmp_path) as hidden:
        (hidden / "half").rename(hidden / "no folder" / "half")
    assert not any(tmp_path.iterdir())
