"""The command line, from arguments to files, exit codes and lines."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from img2model_desktop import __version__, cli
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red disc with a soft edge, cut out, 256 x 256."""
    alpha = np.zeros((256, 256), np.uint8)
    cv2.circle(alpha, (128, 128), 90, 255, -1, cv2.LINE_AA)
    pixels = np.dstack([np.full_like(alpha, 200), np.full_like(alpha, 30), np.full_like(alpha, 40), alpha])
    path = tmp_path / "pictures" / "disc.png"
    path.parent.mkdir()
    write_png(Picture(pixels), path)
    return path


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"Image2Model Desktop {__version__}\n"


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".stl", ".ply"])
def test_convert_writes_what_it_says(
    picture: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out{suffix}"
    code = cli.main(
        [
            "convert",
            str(picture),
            "-o",
            str(out),
            "--engine",
            "inflate",
            "--quality",
            "draft",
            "--size-mm",
            "80",
            "--json",
        ]
    )
    assert code == 0
    (said,) = lines(capsys.readouterr().out)
    mesh = trimesh.load(out, force="mesh")
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.is_watertight
    assert mesh.volume > 0
    assert len(mesh.faces) == said["faces"]
    metres = 1.0 if suffix == ".glb" else 0.001
    assert max(mesh.extents) * metres == pytest.approx(0.080, rel=1e-5)
    assert said["size_mm"] == pytest.approx((mesh.extents * metres * 1000).tolist(), abs=0.01)
    assert said["path"] == str(out)
    assert said["engine"] == "inflate"


def test_texture_survives(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.glb"
    assert cli.main(["convert", str(picture), "-o", str(out), "--quality", "draft", "--engine", "inflate"]) == 0
    mesh = trimesh.load(out, force="mesh")
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")).reshape(-1, 3)
    assert np.abs(texture.astype(int) - (200, 30, 40)).max() <= 1  # one colour to the last texel: nothing bled in


def test_up_axis_z_stands_the_mesh_up(picture: Path, tmp_path: Path) -> None:
    for up in "yz":
        out = tmp_path / f"{up}.stl"
        assert cli.main(["convert", str(picture), "-o", str(out), "--quality", "draft", "--up", up]) == 0
    y_up, z_up = (trimesh.load(tmp_path / f"{up}.stl") for up in "yz")
    assert z_up.extents == pytest.approx(y_up.extents[[0, 2, 1]], rel=1e-6)
    assert z_up.bounds[0][2] == pytest.approx(0.0, abs=1e-6)
    assert z_up.volume == pytest.approx(y_up.volume, rel=1e-6)


def test_auto_says_which_and_why(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(picture), "-o", str(tmp_path / "a.glb"), "--quality", "draft", "--json"]) == 0
    (said,) = lines(capsys.readouterr().out)
    assert said["engine"] in {"inflate", "lathe", "extrude", "relief"}
    assert str(said["reason"]).endswith(".")


def test_prompt(tmp_path: Path) -> None:
    out = tmp_path / "word.glb"
    assert cli.main(["convert", "--prompt", "Hi", "--style", "rounded", "-o", str(out), "--quality", "draft"]) == 0
    assert trimesh.load(out, force="mesh").volume > 0


def test_several_pictures_give_a_result_or_a_reason_each(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:100])
    other = tmp_path / "other" / "disc.png"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    out = tmp_path / "results"
    sources = [str(picture), str(broken), str(other)]
    code = cli.main(["convert", *sources, "-o", str(out), "--quality", "draft", "--json", "--engine", "inflate"])
    assert code == 2
    first, second, third = lines(capsys.readouterr().out)
    assert first["path"] == str(out / "disc.glb")
    assert second["error"]["kind"] == "input"  # type: ignore[index]  # JSON
    assert third["path"] == str(out / "disc-2.glb")
    assert sorted(path.name for path in out.iterdir()) == ["disc-2.glb", "disc.glb"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-o", "out.xyz"], 2, ".xyz"),
        (["-o", "out.glb", "--engine", "nose"], 2, "There is no sculptor called “nose”."),
        (["-o", "out.glb", "--set", "faces"], 2, "“faces” sets nothing."),
        (["-o", "out.glb", "--engine", "inflate", "--set", "faces=1"], 2, "cannot be “1”"),
        (["-o", "out.glb", "--up", "z"], 2, "A GLB file is always y up"),
        (["-o", "nowhere/out.glb"], 3, "nowhere"),
        (["-o", "out.glb", "--size-mm", "0"], 2, "The size cannot be 0 mm."),
    ],
)
def test_refusals(
    picture: Path,
    arguments: list[str],
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(picture.parent)
    assert cli.main(["convert", picture.name, *arguments]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert [path.name for path in picture.parent.iterdir()] == ["disc.png"]


def test_engines_json_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["engines", "--json"]) == 0
    said = {str(entry["key"]): entry for entry in lines(capsys.readouterr().out)}
    assert {"lettering", "cutout", "inflate", "lathe", "extrude", "relief"} <= set(said)
    names = [option["name"] for option in said["inflate"]["options"]]  # type: ignore[attr-defined]  # JSON
    assert {"faces", "texture_px", "thickness", "relief", "back"} <= set(names)


def test_the_whole_program_loads_no_qt_and_no_torch(picture: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from img2model_desktop import cli; code = cli.main(sys.argv[1:]);"
        "print(code, [m for m in ('PySide6', 'pyqtgraph', 'OpenGL', 'torch') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "convert", str(picture), "-o", str(tmp_path / "o.glb"), "--quality", "draft"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interrupt_ends_with_130_and_no_file(picture: Path, tmp_path: Path) -> None:
    out = picture.parent / "o.glb"
    command = [sys.executable, "-m", "img2model_desktop", "convert", str(picture), "-o", str(out), "--quality", "high"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "sculpt" not in process.stderr.readline():  # the first lines name the stages
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not out.exists()
    assert [path.name for path in picture.parent.iterdir()] == ["disc.png"]
