"""Every kind of picture file: its exact colours, or one sentence that says what to do."""

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import Limits, decode_picture, encode_png, read_picture, write_png
from img2model_desktop.core.picture_kinds import READABLE_SUFFIXES
from img2model_desktop.errors import InputProblem, SetupProblem

DEFAULTS = Limits()

# Asymmetric in every way: no turn or mirroring leaves it as it is.
COLOURS = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(10, 20, 30), (200, 100, 50), (255, 255, 255)]], np.uint8)
ALPHA = np.array([[255, 128, 0], [1, 254, 77]], np.uint8)


def coded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def decoded(data: bytes, name: str = "picture.png", limits: Limits = DEFAULTS) -> np.ndarray:
    picture = decode_picture(data, name, limits)
    assert not picture.pixels.flags.writeable
    return picture.pixels


def refused(data: bytes, name: str = "picture.png", limits: Limits = DEFAULTS) -> InputProblem:
    with pytest.raises(InputProblem) as caught:
        decode_picture(data, name, limits)
    assert name in caught.value.message
    assert caught.value.advice.endswith(".")
    return caught.value


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


# -- exact colours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
        ("TGA", {}),
        ("TGA", {"compression": "tga_rle"}),
        ("WEBP", {"lossless": True}),
        ("ICO", {"sizes": [(3, 2)]}),
    ],
)
def test_opaque_colours_are_exact(format_: str, options: dict[str, Any]) -> None:
    data = coded(Image.fromarray(COLOURS), format_, **options)
    np.testing.assert_array_equal(decoded(data, f"picture.{format_.lower()}"), opaque(COLOURS))


@pytest.mark.parametrize(
    ("format_", "options"), [("PNG", {}), ("TIFF", {}), ("TGA", {}), ("WEBP", {"lossless": True, "exact": True})]
)
def test_straight_alpha_is_exact(format_: str, options: dict[str, Any]) -> None:
    pixels = np.dstack([COLOURS, ALPHA])
    data = coded(Image.fromarray(pixels), format_, **options)
    np.testing.assert_array_equal(decoded(data, f"picture.{format_.lower()}"), pixels)


@pytest.mark.parametrize(("format_", "worst"), [("JPEG", 3), ("WEBP", 6), ("AVIF", 6)])
def test_lossy_formats_are_close(format_: str, worst: int) -> None:
    flat = np.full((32, 48, 3), (200, 90, 40), np.uint8)
    pixels = decoded(coded(Image.fromarray(flat), format_, quality=95))
    assert np.abs(pixels.astype(int) - opaque(flat)).max() <= worst


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 257, 32768, 65407, 65535]], np.uint16)
    for data in (coded(Image.fromarray(values), "PNG"), coded(Image.fromarray(values), "TIFF")):
        pixels = decoded(data)
        np.testing.assert_array_equal(pixels[0, :, 0], np.rint(values[0] / 257))
        np.testing.assert_array_equal(pixels[0], np.column_stack([pixels[0, :, 0]] * 3 + [np.full(6, 255)]))


def test_sixteen_bit_grey_with_a_transparent_value() -> None:
    rows = b"\0" + struct.pack(">3H", 0, 1000, 65535)
    pixels = decoded(raw_png(3, 1, 16, 0, rows, png_chunk(b"tRNS", struct.pack(">H", 1000))))
    assert pixels[0].tolist() == [[0, 0, 0, 255], [4, 4, 4, 0], [255, 255, 255, 255]]


def test_sixteen_bit_colour_with_a_transparent_colour() -> None:
    rows = b"\0" + struct.pack(">6H", 0xFFFF, 0, 0x8080, 0x1234, 0x5678, 0x9ABC)
    clear = png_chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))
    assert decoded(raw_png(2, 1, 16, 2, rows, clear))[0].tolist() == [[255, 0, 128, 255], [0x12, 0x56, 0x9A, 0]]


def test_sixteen_bit_alpha() -> None:
    rows = b"\0" + struct.pack(">4H", 0xFFFF, 0x8080, 0, 0xFFFF) + struct.pack(">4H", 0x0101, 0, 0, 0)
    assert decoded(raw_png(2, 1, 16, 6, rows))[0].tolist() == [[255, 128, 0, 255], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.2, 0.4, 0.6], [51, 102, 153]),
        ([-1.0, 0.0, 3.0], [0, 64, 255]),
        ([10.0, 20.0, 30.0], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([float("nan")] * 3, [0, 0, 0]),
        ([5.0, 5.0, 5.0], [0, 0, 0]),
    ],
)
def test_real_grey(values: list[float], expected: list[int]) -> None:
    data = coded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert decoded(data)[0, :, 0].tolist() == expected


def test_one_bit_and_grey_with_alpha() -> None:
    bits = Image.fromarray(np.array([[True, False]]))
    assert decoded(coded(bits, "PNG"))[0].tolist() == [[255, 255, 255, 255], [0, 0, 0, 255]]
    grey = Image.fromarray(np.array([[[7, 255], [200, 3]]], np.uint8), "LA")
    assert decoded(coded(grey, "PNG"))[0].tolist() == [[7, 7, 7, 255], [200, 200, 200, 3]]


@pytest.mark.parametrize("format_", ["PNG", "GIF"])
def test_palette_with_a_transparent_entry(format_: str) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert decoded(coded(image, format_, transparency=1))[0, :, 3].tolist() == [255, 0, 255]
    np.testing.assert_array_equal(decoded(coded(image, format_))[0, :, :3], COLOURS[0])


def test_cmyk_without_a_profile() -> None:
    inks = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0], [0, 255, 255, 0]]], np.uint8)
    pixels = decoded(coded(Image.fromarray(inks, "CMYK"), "TIFF"))
    assert pixels[0].tolist() == [[255, 255, 255, 255], [0, 0, 0, 255], [0, 255, 255, 255], [255, 0, 0, 255]]


def test_lab_is_converted() -> None:
    light = np.array([[255, 128, 0]], np.uint8)
    neutral = Image.new("L", (3, 1), 128)
    lab = Image.merge("LAB", [Image.fromarray(light), neutral, neutral])
    # CIELAB lightness 50.2 is sRGB grey 119.4 by the definition of both.
    assert (
        np.abs(decoded(coded(lab, "TIFF"))[0].astype(int) - [[255] * 4, [119, 119, 119, 255], [0, 0, 0, 255]]).max()
        <= 1
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_applied(format_: str, orientation: int) -> None:
    turned = {
        1: COLOURS,
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.swapaxes(0, 1),
        6: np.rot90(COLOURS, -1),
        7: COLOURS[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(COLOURS),
    }[orientation]
    large = np.ascontiguousarray(COLOURS.repeat(16, axis=0).repeat(16, axis=1))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if format_ == "WEBP" else {"subsampling": 0, "quality": 100}
    pixels = decoded(coded(Image.fromarray(large), format_, exif=exif, **options))
    worst = 4 if format_ == "JPEG" else 0
    assert np.abs(pixels[8::16, 8::16, :3].astype(int) - turned).max() <= worst


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_unknown_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decoded(coded(Image.fromarray(COLOURS), "PNG", exif=exif)), opaque(COLOURS))


# -- colour profiles ----------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """A profile that calls red what is green: sRGB with the two primaries' curves in each other's place."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = profile.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    return bytes(profile.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be")).replace(b"sRGB", b"Swap"))


def test_profile_is_applied_and_alpha_kept() -> None:
    pixels = np.array([[[255, 0, 0, 9], [0, 255, 0, 200]]], np.uint8)
    found = decoded(coded(Image.fromarray(pixels), "PNG", icc_profile=swapped_profile()))
    assert np.abs(found.astype(int) - [[[0, 255, 0, 9], [255, 0, 0, 200]]]).max() <= 1


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decoded(coded(Image.fromarray(COLOURS), "PNG", icc_profile=profile)), opaque(COLOURS))


@pytest.mark.parametrize("profile", [b"", b"nonsense", swapped_profile()[:200]])
def test_broken_profile_is_ignored(profile: bytes) -> None:
    data = coded(Image.fromarray(COLOURS), "PNG", icc_profile=profile)
    np.testing.assert_array_equal(decoded(data), opaque(COLOURS))


def test_profile_of_another_colour_space_is_ignored() -> None:
    grey = np.array([[0, 100, 255]], np.uint8)
    data = coded(Image.fromarray(grey), "PNG", icc_profile=swapped_profile())
    assert decoded(data)[0, :, 1].tolist() == [0, 100, 255]


# -- animation, shape, size ---------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(format_: str) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = coded(frames[0], format_, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decoded(data), np.broadcast_to(np.uint8([255, 0, 0, 255]), (3, 4, 4)))


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (4096, 2)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    picture = decode_picture(coded(Image.new("RGB", size, (9, 8, 7)), "PNG"), "thin.png", Limits())
    assert max(picture.width, picture.height) == min(max(size), 4096)
    assert min(picture.width, picture.height) == min(size)
    assert (picture.pixels == (9, 8, 7, 255)).all()


def test_large_picture_is_scaled_down_without_dark_fringes() -> None:
    pixels = np.zeros((200, 300, 4), np.uint8)
    pixels[:, 150:] = (250, 200, 100, 255)
    small = decoded(coded(Image.fromarray(pixels), "PNG"), limits=Limits(max_side=30))
    assert small.shape == (20, 30, 4)
    seen = small[small[..., 3] > 8]
    assert len(seen)
    assert np.abs(seen[:, :3].astype(int) - (250, 200, 100)).max() <= 16  # 8-bit premultiplied values round
    assert (small[:, 20:] == (250, 200, 100, 255)).all()


def test_large_jpeg_takes_little_memory(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="Windows does not tell a process its peak")
    path = tmp_path / "large.jpg"
    path.write_bytes(coded(Image.new("RGB", (8000, 6000), (40, 90, 160)), "JPEG"))
    code = """
import resource, sys
from img2model_desktop.core.picture_files import Limits, read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture = read_picture(sys.argv[1], Limits(max_side=1000))
print(picture.width, picture.height, *picture.pixels[375, 500])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    lines = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    width, height, *colour = map(int, lines[0].split())
    assert (width, height) == (1000, 750)
    assert np.abs(np.array(colour) - (40, 90, 160, 255)).max() <= 3
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(lines[1]) * unit < 60e6  # decoded whole it would be 192 MB


def test_fully_transparent_picture_is_read_and_has_no_subject() -> None:
    picture = decode_picture(coded(Image.new("RGBA", (5, 5), (1, 2, 3, 0)), "PNG"), "clear.png")
    with pytest.raises(InputProblem, match="transparent"):
        picture.require_subject()


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'></svg>", "SVG"),
        (b"<svg width='1'/>", "SVG"),
        (b"<!DOCTYPE html><html><img src='a.png'></html>", "web page"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"PK\x03\x04....", "document or an archive"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "film"),
        (b"RIFF\0\0\0\0AVI LIST", "film"),
        (b"glTF\x02\0\0\0", "mesh"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"#?RADIANCE\n", "high dynamic range"),
    ],
)
def test_other_files_are_named(data: bytes, says: str) -> None:
    assert says in refused(data).message


def test_heic_says_how_to_get_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img2model_desktop.core.picture_kinds.importlib.util.find_spec", lambda name: None)
    problem = refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "IMG_1.HEIC")
    assert "HEIC" in problem.message
    assert "JPEG" in problem.advice


@pytest.mark.parametrize("name", ["picture.jpg", "picture.svg", "picture", "picture.tga"])
def test_content_decides_not_the_name(name: str) -> None:
    np.testing.assert_array_equal(decoded(coded(Image.fromarray(COLOURS), "PNG"), name), opaque(COLOURS))


def test_tga_needs_its_name() -> None:
    data = coded(Image.fromarray(COLOURS), "TGA")
    assert "not a picture" in refused(data, "picture.bin").message


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_files_are_refused(format_: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = coded(Image.fromarray(noise), format_)
    assert "damaged or incomplete" in refused(data[: int(len(data) * share)]).message


def test_too_many_bytes() -> None:
    data = coded(Image.fromarray(COLOURS), "PNG")
    decoded(data, limits=Limits(max_bytes=len(data)))
    assert "MB" in refused(data, limits=Limits(max_bytes=len(data) - 1)).message


def test_too_many_pixels_are_refused_before_decoding() -> None:
    rows = zlib.compress(bytes(1_000_000), 9)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 6, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    # Decoding would find too little data and say "damaged" instead.
    for limits in (Limits(), Limits(max_pixels=300_000_000)):
        assert "pixels" in refused(bomb, limits=limits).message


def test_limit_of_pixels_is_exact() -> None:
    data = coded(Image.fromarray(COLOURS), "PNG")
    decoded(data, limits=Limits(max_pixels=6))
    assert "3 × 2" in refused(data, limits=Limits(max_pixels=5)).message


def test_bomb_in_a_text_chunk_costs_nothing() -> None:
    info = PngInfo()
    info.add_text("Comment", "0" * 30_000_000, zip=True)
    data = coded(Image.fromarray(COLOURS), "PNG", pnginfo=info)
    tracemalloc.start()
    try:
        decode_picture(data, "bomb.png")
    except InputProblem as problem:
        assert "damaged" in problem.message  # noqa: PT017 - both ends are right, the memory is the point
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


# -- paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Größe 图片 🦊.png", "a" * 240 + ".png", "no suffix", ".png"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    write_png(Picture(opaque(COLOURS)), tmp_path / name)
    np.testing.assert_array_equal(read_picture(str(tmp_path / name)).pixels, opaque(COLOURS))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_problems_with_the_path(tmp_path: Path) -> None:
    for path, says in [
        (tmp_path, "is a folder"),
        (tmp_path / "missing.png", "is not there"),
        (tmp_path / ("x" * 300 + ".png"), "cannot be opened"),
        (tmp_path / "nul\0.png", "is not there"),
        (tmp_path / "missing" / "a.png", "is not there"),
    ]:
        with pytest.raises(InputProblem, match=says) as caught:
            read_picture(path)
        assert len(caught.value.message) < 120
        caught.value.message.encode()


@pytest.mark.skipif(os.name == "nt", reason="devices and permission bits are POSIX")
def test_device_and_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputProblem, match="device"):
        read_picture("/dev/zero")
    locked = tmp_path / "locked.png"
    write_png(Picture(opaque(COLOURS)), locked)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)  # root may read everything, so bits alone would not do
    with pytest.raises(InputProblem, match="may not be read"):
        read_picture(locked)


def test_heavy_file_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "heavy.png"
    with path.open("wb") as file:
        file.truncate(60_000_000)  # a hole: takes no room
    with pytest.raises(InputProblem, match="60 MB"):
        read_picture(path)


# -- writing ------------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_png_brings_the_same_pixels_back(width: int, height: int, seed: int, solid: bool) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    if solid:
        pixels[..., 3] = 255
    np.testing.assert_array_equal(decoded(encode_png(Picture(pixels))), pixels)


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem):
        write_png(Picture(opaque(COLOURS)), tmp_path / "missing" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SetupProblem):
        write_png(Picture(opaque(COLOURS)), tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


# -- anything at all ----------------------------------------------------------------------------------------


def samples() -> dict[str, bytes]:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8))
    small = {f: coded(image, f) for f in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "AVIF")}
    small["CMYK"] = coded(image.convert("CMYK"), "JPEG")
    small["PALETTE"] = coded(image.convert("P"), "PNG", transparency=3)
    return small


SAMPLES = samples()
SMALL = Limits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=512)


def picture_or_sentence(data: bytes) -> None:
    try:
        picture = decode_picture(data, "a.tga", SMALL)
    except InputProblem as problem:
        text = str(problem)
    else:
        text = ""
        assert picture.pixels.dtype == np.uint8
        assert max(picture.width, picture.height) <= SMALL.max_side
    assert "Traceback" not in text


@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    picture_or_sentence(data)


@given(st.sampled_from(sorted(SAMPLES)), st.binary(max_size=200))
def test_random_bytes_after_a_true_start(kind: str, data: bytes) -> None:
    picture_or_sentence(SAMPLES[kind][:16] + data)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
@given(data=st.data())
def test_damaged_files(kind: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    picture_or_sentence(bytes(content[: data.draw(st.integers(1, len(content)))]))
    picture_or_sentence(bytes(content))


# -- real files ---------------------------------------------------------------------------------------------


def test_odd_files_of_others(shared_eval: Path) -> None:
    folder = shared_eval / "badinput"
    entries = [e for e in json.loads((folder / "manifest.json").read_text())["files"] if e["kind"] == "image"]
    assert len(entries) == 62
    wrong = []
    for entry in entries:
        try:
            read_picture(folder / entry["file"])
            end = "ok"
        except InputProblem as problem:
            end = "refuse" if problem.advice else "no advice"
        if entry["expect"] not in (end, "any"):
            wrong.append((entry["file"], end))
    assert not wrong


def test_suffixes_are_those_that_are_read() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in READABLE_SUFFIXES)
    assert len(set(READABLE_SUFFIXES)) == len(READABLE_SUFFIXES)
    assert {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tiff", ".avif", ".ico", ".tga"} <= set(
        READABLE_SUFFIXES
    )
