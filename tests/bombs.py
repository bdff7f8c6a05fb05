"""Mesh files that are small and ask for much, lead elsewhere, or never end."""

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np

from tests.hostile import SECRET, TRIANGLE, Case, data_uri, glb, gltf, model, package, parts, png, text_ply, zipped

PLACES = (
    f"../{SECRET}", f"..\\{SECRET}", f"%2e%2e/{SECRET}", f"./a/../../{SECRET}", "/etc/passwd",
    "/dev/zero", "/dev/stdin", "file:///etc/passwd", "http://127.0.0.1:9/a.bin", "//127.0.0.1/share/a.bin",
    "\\\\127.0.0.1\\share\\a", "C:\\a.bin", "a.bin\0", "", ".", "..", "x" * 5000, "CON", "~/.ssh/id_rsa", "$HOME/a",
)  # fmt: skip
"""Where a file beside the mesh must not be looked for."""


def cases() -> dict[str, Case]:
    """All of them by name."""
    return {**_gltf(), **_obj(), **_stl(), **_ply(), **_off(), **_threemf(), **_usdz()}


# -- glTF --------------------------------------------------------------------------------------------------------------


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The valid document with another value at a place."""
    document = gltf()
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = to
    return document


def _gltf() -> dict[str, Case]:
    documents = _odd_numbers_and_places() | _odd_scenes()
    found: dict[str, Case] = {f"gltf: {name}": {"a.gltf": json.dumps(d).encode()} for name, d in documents.items()}
    whole = json.dumps(gltf())
    texts: dict[str, bytes] = {
        "deep": b'{"asset":' + b"[" * 200_000,
        "deep objects": b'{"a":' * 100_000,
        "long number": whole.replace('"count": 4', '"count": ' + "9" * 6000).encode(),
        "no text": whole.encode("utf-16"),
        "twice": whole.replace('"scene": 0', '"scene": 0, "nodes": [], "nodes": {}').encode(),
        "a list": b"[]",
        "half a sign": whole.encode() + b"\xff\xfe",
        "bad base64": whole.replace("base64,AAAA", "base64,****").encode(),
    }
    found |= {f"gltf: {name}": {"a.gltf": text} for name, text in texts.items()}
    return found | _glb()


def _odd_numbers_and_places() -> dict[str, dict[str, Any]]:
    documents: dict[str, dict[str, Any]] = {}
    for number in (2**31, 2**53, 2**64, 10**40, -1, 1.5, True, "4", None, [4]):
        documents[f"count {number!r:.12}"] = changed("accessors", 0, "count", to=number)
        documents[f"stride {number!r:.12}"] = changed("bufferViews", 0, "byteStride", to=number)
        documents[f"offset {number!r:.12}"] = changed("accessors", 1, "byteOffset", to=number)
        documents[f"view {number!r:.12}"] = changed("bufferViews", 0, "byteLength", to=number)
        documents[f"buffer {number!r:.12}"] = changed("buffers", 0, "byteLength", to=number)
        documents[f"node {number!r:.12}"] = changed("scenes", 0, "nodes", to=[number])
        documents[f"place {number!r:.12}"] = changed("nodes", 0, "translation", to=[number, 0, 0])
    for k, place in enumerate(PLACES):
        documents[f"buffer elsewhere {k}"] = changed("buffers", 0, to={"byteLength": 108, "uri": place})
        documents[f"picture elsewhere {k}"] = changed("images", 0, to={"uri": place})
    return documents


def _odd_scenes() -> dict[str, dict[str, Any]]:
    nan, inf = float("nan"), float("inf")
    return {
        "contains itself": gltf(nodes=[{"mesh": 0, "children": [0]}]),
        "contains each other": gltf(nodes=[{"children": [1]}, {"mesh": 0, "children": [0]}]),
        "shown twice by two": gltf(nodes=[{"children": [1, 2]}, {"children": [2]}, {"mesh": 0}]),
        "long chain": gltf(nodes=[*({"children": [k + 1]} for k in range(30_000)), {"mesh": 0}]),
        "very many objects": gltf(nodes=[{"mesh": 0}] * 21_000, scenes=[{"nodes": list(range(21_000))}]),
        "very many primitives": changed("meshes", 0, "primitives", to=gltf()["meshes"][0]["primitives"] * 4000),
        "zeros without data": gltf(
            accessors=[{"componentType": 5126, "count": 1_000_000, "type": "VEC3"}, *gltf()["accessors"][1:]],
            nodes=[{"mesh": 0}] * 1000,
            scenes=[{"nodes": list(range(1000))}],
        ),
        "no number": changed("nodes", 0, "translation", to=[nan, 0, 0]),
        "no end": changed("nodes", 0, "matrix", to=[inf] * 16),
        "overflow": changed("nodes", 0, "scale", to=[1e308, 1e308, 1e308]),
        "flat": changed("nodes", 0, "scale", to=[0, 0, 0]),
        "short rotation": changed("nodes", 0, "rotation", to=[0, 0, 1]),
        "uv without end": changed(
            "materials", 0, "pbrMetallicRoughness", "baseColorTexture", "extensions",
            to={"KHR_texture_transform": {"scale": [1e308, inf], "rotation": nan}},
        ),
        "picture of 900 million pixels": changed("images", 0, to={"uri": data_uri(_LARGE_PNG, "image/png")}),
        "a picture's header without a picture": changed("images", 0, to={"uri": data_uri(_LARGE_PNG[:60])}),
        "negative index": changed("accessors", 2, "componentType", to=5120),
        "wide accessor": changed("accessors", 0, "type", to="MAT4"),
        "points": changed("meshes", 0, "primitives", 0, "mode", to=0),
        "sparse of nothing": changed(
            "accessors", 0,
            to={"componentType": 5126, "count": 4, "type": "VEC3", "sparse": {
                "count": 4, "indices": {"bufferView": 1, "componentType": 5125}, "values": {"bufferView": 0}}},
        ),
        "sparse without end": changed(
            "accessors", 0, "sparse",
            to={"count": 10**12, "indices": {"bufferView": 1, "componentType": 5121}, "values": {"bufferView": 0}},
        ),
    }  # fmt: skip


def _glb() -> dict[str, Case]:
    whole = glb(gltf())
    containers = {
        "announces 4 GB": whole[:8] + struct.pack("<I", 2**32 - 1) + whole[12:],
        "a chunk of 4 GB": whole[:12] + struct.pack("<I", 2**32 - 1) + whole[16:],
        "an empty chunk": whole[:12] + struct.pack("<I", 0) + whole[16:],
        "announces nothing": whole[:8] + struct.pack("<I", 0) + whole[12:],
        "many empty chunks": b"glTF" + struct.pack("<II", 2, 12 + 8 * 200_000) + (b"\0\0\0\0JUNK" * 200_000),
        "a buffer that is not there": glb(changed("buffers", 0, to={"byteLength": 108})),
    }
    return {f"glb: {name}": {"a.glb": content} for name, content in containers.items()}


_LARGE_PNG = png(30_000, 30_000)

# -- the others --------------------------------------------------------------------------------------------------------


def _obj() -> dict[str, Case]:
    square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
    textured = square + "vt 0 0\nvt 1 0\nvt 1 1\nmtllib {}\nusemtl a\nf 1/1 2/2 3/3\n"
    texts = {
        "huge index": square + "f 1 2 " + "9" * 30,
        "longer than a number may be": square + "f 1 2 " + "9" * 6000,
        "far back": square + "f -1 -2 -900000",
        "zero": square + "f 0 1 2",
        "no number": square + "v nan 0 0\nf 1 2 5",
        "no end": square + "v 1e999 0 0\nf 1 2 5",
        "a face with very many corners": square + "f " + "1 2 3 4 " * 60_000,
        "very many faces": square + "f 1 2 3\n" * 60_000,
        "very many slashes": square + "f " + "/" * 100_000,
        "one very long line": square + "# " + "x" * 1_000_000 + "\nf 1 2 3",
        "a line that goes on and on": square + "f 1 2 3 \\\n" * 50_000,
        "a material that is itself": textured.format("a.obj"),
        "no text": square + "f 1 2 3\0\0\0\0",
        "very many materials": square + "".join(f"mtllib m{k}.mtl\nusemtl m{k}\n" for k in range(3000)) + "f 1 2 3",
        "very many times the same material": textured.format(" ".join(["a.mtl"] * 20_000)),
    }
    found: dict[str, Case] = {f"obj: {name}": {"a.obj": text.encode()} for name, text in texts.items()}
    for k, place in enumerate(PLACES):
        found[f"obj: material elsewhere {k}"] = {"a.obj": textured.format(place).encode()}
        material = f"newmtl a\nmap_Kd {place}\n".encode()
        found[f"obj: picture elsewhere {k}"] = {"a.obj": textured.format("a.mtl").encode(), "a.mtl": material}
    found["obj: picture of 900 million pixels"] = {
        "a.obj": textured.format("a.mtl").encode(), "a.mtl": b"newmtl a\nmap_Kd a.png\n", "a.png": _LARGE_PNG,
    }  # fmt: skip
    return found


def _stl() -> dict[str, Case]:
    triangle = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    facet = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    contents = {
        "announces 4 billion": b"\0" * 80 + struct.pack("<I", 2**32 - 1) + triangle,
        "announces none": b"\0" * 80 + struct.pack("<I", 0) + triangle,
        "no number": b"\0" * 80 + struct.pack("<I", 1) + struct.pack("<12fH", *[np.nan] * 12, 0),
        "no end": b"\0" * 80 + struct.pack("<I", 1) + struct.pack("<12fH", *[np.inf] * 12, 0),
        "too large for a square": b"\0" * 80 + struct.pack("<I", 1) + struct.pack("<12fH", *[3e38] * 12, 0),
        "text that stops": ("solid a\n" + facet * 3)[:-30].encode(),
        "text without vertices": b"solid a\n" + b"facet\n" * 100_000,
        "a corner too many": ("solid a\n" + facet.replace("endloop", "vertex 5 5 5\nendloop") * 2).encode(),
        "text with words for numbers": ("solid a\n" + facet.replace("1 0 0", "one two three")).encode(),
        "very long line": b"solid " + b"a" * 1_000_000 + b"\n" + facet.encode(),
    }
    return {f"stl: {name}": {"a.stl": content} for name, content in contents.items()}


def _ply() -> dict[str, Case]:
    head = text_ply().decode().split("end_header\n")[0]
    coords = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
    binary = head.replace("ascii", "binary_little_endian") + "end_header\n"
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4").tobytes()
    contents: dict[str, bytes] = {}
    for number in ("1000000000000000000", "4294967295", "-1", "1e9", "9" * 5000):
        contents[f"{number[:12]} vertices"] = text_ply().replace(b"vertex 4", f"vertex {number}".encode())
        contents[f"{number[:12]} faces"] = text_ply().replace(b"face 2", f"face {number}".encode())
        contents[f"{number[:12]} faces in bytes"] = binary.replace("face 2", f"face {number}").encode() + points
    uneven = "3 0 1 2\n4 0 1 2 3\n" * 20_000
    contents |= {
        "a list of 4 billion": binary.replace("uchar int", "uint int").encode() + points + b"\xff" * 64,
        "a list of less than none": binary.replace("uchar int", "char int").encode() + points + b"\xff" * 64,
        "a list as long as no number": binary.replace("uchar int", "float int").encode() + points + b"\0\0\xc0\x7f" * 9,
        "a list of half": head.replace("uchar", "float").encode() + b"end_header\n" + coords.encode() + b"2.5 0 1 2\n",
        "faces of several sizes": text_ply(uneven, 40_000),
        "very many tables": (
            head + "".join(f"element e{k} 0\n" for k in range(2000)) + "end_header\n" + coords
        ).encode(),
        "a table without columns": (head + "element x 100000\nend_header\n" + coords + "3 0 1 2\n" * 2).encode(),
        "a column twice": head.replace("property float y", "property float x").encode()
        + b"end_header\n"
        + coords.encode(),
        "one table twice": (head + "element vertex 4\nproperty float x\nend_header\n" + coords).encode(),
        "a list of places": head.replace("float x", "list int float x").encode() + b"end_header\n" + coords.encode(),
        "no number": text_ply().replace(b"0 1 0\n", b"nan nan nan\n"),
        "an index that is no number": text_ply("3 0 1 nan\n3 0 1 inf\n"),
        "an index below none": text_ply("3 0 1 -1\n3 0 1 2\n"),
        "a header without end": b"ply\nformat ascii 1.0\n" + b"comment a\n" * 100_000,
        "several formats": text_ply().replace(b"format ascii 1.0", b"format ascii 1.0\nformat binary_big_endian 1.0"),
    }
    return {f"ply: {name}": {"a.ply": content} for name, content in contents.items()}


def _off() -> dict[str, Case]:
    square = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
    texts = {
        f"announces {n[:12]}": f"OFF\n{n} 1 0\n{square}3 0 1 2\n" for n in ("99999999999", "-4", "1e3", "9" * 5000)
    }
    texts |= {
        "very many corners": f"OFF\n4 1 0\n{square}99999999 0 1 2\n",
        "fewer than none": f"OFF\n4 1 0\n{square}-3 0 1 2\n",
        "a huge index": f"OFF\n4 1 0\n{square}3 0 1 {10**30}\n",
        "no number": f"OFF\n4 1 0\n{square.replace('1 1 0', 'nan inf 0')}3 0 1 2\n",
        "very many comments": "OFF\n" + "# a\n" * 100_000 + f"4 1 0\n{square}3 0 1 2\n",
        "only signs of comments": "OFF " + "#" * 1_000_000,
        "very many blanks": " " * 1_000_000 + "x",
        "very many letters": "ST" * 400_000 + "OFX",
    }
    return {f"off: {name}": {"a.off": text.encode()} for name, text in texts.items()}


def _threemf() -> dict[str, Case]:
    body = parts()
    laughs = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    twice = '<object id="{}"><components><component objectid="{}"/><component objectid="{}"/></components></object>'
    doublings = "".join(twice.format(k, k - 1, k - 1) for k in range(2, 40))
    twofold = (
        f'<resources><object id="1">{TRIANGLE}</object>{doublings}</resources><build><item objectid="39"/></build>'
    )
    ring = (
        '<resources><object id="1"><components><component objectid="2"/></components></object><object id="2">'
        '<components><component objectid="1"/></components></object></resources><build><item objectid="1"/></build>'
    )
    entities = f'<!DOCTYPE m [<!ENTITY a0 "ha">{laughs}]>'
    attributes = "".join(f'a{k}="" ' for k in range(50_000))
    packages = {
        "entities that multiply": package(model("&a11;" + body, entities)),
        "entities in a number": package(model(body.replace('x="1"', 'x="&a11;"'), entities)),
        "entities without use": package(model(body, entities)),
        "an entity elsewhere": package(model("&x;" + body, f'<!DOCTYPE m [<!ENTITY x SYSTEM "../{SECRET}">]>')),
        "a type elsewhere": package(model(body, '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/a.dtd">')),
        "200 MB of blanks": _unpacks_to(model(body), 200_000_000),
        "twice itself 38 times": package(model(twofold)),
        "a ring": package(model(ring)),
        "itself": package(model(body.replace('objectid="1"/>', 'objectid="2"/>'))),
        "deep": package(model("<a>" * 100_000)),
        "very many attributes": package(model(body.replace("<object ", f"<object {attributes}"))),
        "a model above": package(model(body), "/../../a.model", "../../a.model"),
        "an absolute model": package(model(body), "//etc/passwd", "/etc/passwd"),
        "a relation elsewhere": package(model(body), "http://127.0.0.1:9/a.model"),
        "a relation to nothing": package(model(body), "/none.model"),
        "no relation": zipped({"3D/a.model": model(body)}),
        "no number": package(model(body.replace('x="1"', 'x="nan"'))),
        "no end": package(model(body.replace('x="1"', 'x="1e999"'))),
        "an index that is not there": package(model(body.replace('v3="2"', 'v3="3"'))),
        "an index below none": package(model(body.replace('v3="2"', 'v3="-1"'))),
        "an index of half": package(model(body.replace('v3="2"', 'v3="1.5"'))),
        "a huge index": package(model(body.replace('v3="2"', f'v3="{"9" * 5000}"'))),
        "a short transformation": package(model(body.replace("1 0 0 0 1 0 0 0 1 5 0 0", "1 0 0"))),
        "a transformation without end": package(model(body.replace("1 0 0 0 1 0 0 0 1 5 0 0", "inf " * 12))),
        "an unknown unit": package(model(body).replace(b"millimeter", b"parsec")),
        "very many files": zipped({f"f{k}": b"" for k in range(20_000)}),
        "names twice": _with_doubled_names(model(body)),
        "locked": _locked(package(model(body))),
        "an unknown way to pack": package(model(body)).replace(struct.pack("<HH", 8, 0), struct.pack("<HH", 99, 0)),
        "not UTF-8": package(model(body).decode().encode("utf-16")),
    }  # fmt: skip
    return {f"3mf: {name}": {"a.3mf": content} for name, content in packages.items()}


def _unpacks_to(content: bytes, size: int) -> bytes:
    """A package whose model ends in blanks without end."""
    out = io.BytesIO(package(b""))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("3D/b.model", "w", force_zip64=True) as file:
            file.write(content)
            for _ in range(size // 10_000_000):
                file.write(b" " * 10_000_000)
        archive.writestr("_rels/a.rels", "")
    return out.getvalue().replace(b"3D/a.model", b"3D/c.model").replace(b"3D/b.model", b"3D/a.model")


def _with_doubled_names(content: bytes) -> bytes:
    whole = package(content)
    out = io.BytesIO(whole.replace(b"3D/a.model", b"3D/b.model"))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("3D/a.model", content)
    return out.getvalue().replace(b"3D/b.model", b"3D/a.model")


def _locked(whole: bytes) -> bytes:
    """With the flag of encryption set in each entry."""
    changed = bytearray(whole)
    for sign, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        k = changed.find(sign)
        while k >= 0:
            changed[k + at] |= 1
            k = changed.find(sign, k + 4)
    return bytes(changed)


def _usdz() -> dict[str, Case]:
    mesh = (
        'def Mesh "m" {{\n int[] faceVertexCounts = {counts}\n int[] faceVertexIndices = {indices}\n'
        " point3f[] points = {points}\n}}\n"
    )
    good = {"counts": "[3]", "indices": "[0, 1, 2]", "points": "[(0, 0, 0), (1, 0, 0), (0, 1, 0)]"}
    layers = {
        "good": mesh.format(**good),
        "an index that is not there": mesh.format(**good | {"indices": "[0, 1, 3]"}),
        "an index below none": mesh.format(**good | {"indices": "[0, 1, -1]"}),
        "a huge index": mesh.format(**good | {"indices": f"[0, 1, {10**30}]"}),
        "counts that do not fit": mesh.format(**good | {"counts": "[999999999]"}),
        "counts below none": mesh.format(**good | {"counts": "[-3, 6]"}),
        "no number": mesh.format(**good | {"points": "[(nan, 0, 0), (1, 0, 0), (0, 1, 0)]"}),
        "no end": mesh.format(**good | {"points": "[(1e999, 0, 0), (1, 0, 0), (0, 1, 0)]"}),
        "a place of two": mesh.format(**good | {"points": "[(0, 0), (1, 0), (0, 1)]"}),
        "deep": 'def Xform "a" {\n' * 100_000,
        "deep places": mesh.format(**good | {"points": "(" * 200_000}),
        "an array without end": mesh.format(**good | {"points": "[(0, 0, 0), " * 20_000}),
        "text without end": 'def Mesh "' + "a" * 1_000_000,
        "a reference elsewhere": f'def "a" (references = @../{SECRET}@) {{}}\n' + mesh.format(**good),
        "a reference to the network": 'def "a" (references = @http://127.0.0.1:9/a.usda@) {}\n',
        "a reference to itself": 'def "a" (references = @./mesh.usda@) {}\n',
        "a transformation without end": 'def Xform "a" {\n uniform token[] xformOpOrder = ["xformOp:transform"]\n '
        "matrix4d xformOp:transform = ( (inf, 0, 0, 0), "
        "(0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )\n" + mesh.format(**good) + "}\n",
    }
    found: dict[str, Case] = {
        f"usdz: {name}": {"a.usdz": zipped({"mesh.usda": b"#usda 1.0\n" + text.encode()}, zipfile.ZIP_STORED)}
        for name, text in layers.items()
    }
    usda = b"#usda 1.0\n" + layers["good"].encode()
    archives = {
        "nothing in it": zipped({}),
        "only a picture": zipped({"a.png": png(2, 2)}),
        "a layer in bytes": zipped({"a.usdc": b"PXR-USDC" + bytes(80)}, zipfile.ZIP_STORED),
        "200 MB of blanks": _unpacks_to(usda, 200_000_000).replace(b"3D/a.model", b"3D/a.ausda"),
        "a layer above": zipped({"../../a.usda": usda}, zipfile.ZIP_STORED),
        "an absolute layer": zipped({"/etc/a.usda": usda}, zipfile.ZIP_STORED),
        "locked": _locked(zipped({"a.usda": usda}, zipfile.ZIP_STORED)),
    }
    return found | {f"usdz: {name}": {"a.usdz": content} for name, content in archives.items()}
