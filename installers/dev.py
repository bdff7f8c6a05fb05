"""Sets a checkout up and runs it; needs nothing but a Python that it names itself when another one calls it.

    python3 installers/dev.py run [ARGS]           the program: without ARGS its window, with ARGS its command line
    python3 installers/dev.py test [PYTEST ARGS]   checks (style, types, imports) and tests; --no-lint: tests alone
    python3 installers/dev.py bench [NAME ...]     the project's figures, as tables

The first call makes `.venv` beside this folder and installs pinned packages into it; later calls see from a
stamp that nothing has changed and start at once. Exit code 3 means that this machine is not ready, and the
last line says what to do; every other exit code is that of what was started.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PINS = ROOT / "installers" / "requirements"
STAMP = VENV / "set-up.json"
UNDER_WAY = VENV / "set-up-under-way"
VALIDATOR_FOLDER = VENV / "node" / "node_modules"
LAYOUT = 1  # raise it when set-ups made by an older version of this file must be made anew

OLDEST, NEWEST = (3, 11), (3, 13)
EXIT_SETUP = 3
FREE_BYTES = 4_000_000_000  # .venv takes 2.1 GB, and pip as much again for a moment
WINDOWS = os.name == "nt"
LINUX = sys.platform.startswith("linux")
SCREEN = "1280x800x24"
WITHOUT_WINDOWS = ("core", "engines", "health", "jobs", "render", "training")  # folders of tests: half of the time
VALIDATOR = "gltf-validator@2.0.0-dev.3.10"

# Debian's package for each library that Qt and OpenGL need on Linux; wheels do not carry these.
DRAWING = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
}
X11 = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
WAYLAND = {"libwayland-cursor.so.0": "libwayland-cursor0", "libwayland-egl.so.1": "libwayland-egl1"}


class NotReady(Exception):
    """This machine cannot do it yet; the text says why and what to do."""


def main(argv: Sequence[str]) -> int:
    """Runs one of the three commands; its exit code."""
    commands = {"run": run, "test": test, "bench": bench}
    if not argv or argv[0] not in commands:
        print(__doc__, file=sys.stdout if argv and argv[0] in ("-h", "--help") else sys.stderr)
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    try:
        check_python(sys.version_info[:2])
        return commands[argv[0]](list(argv[1:]))
    except NotReady as problem:
        print(problem, file=sys.stderr)
        return EXIT_SETUP
    except KeyboardInterrupt:
        return 130


# -- the three commands -------------------------------------------------------------------------------------


def run(arguments: List[str]) -> int:
    """Starts the program; on Linux and macOS it takes this process's place."""
    if not arguments:
        if not has_screen(os.environ):
            raise NotReady(
                "There is no screen here for the window; use the command line instead, for example: "
                "python3 installers/dev.py run convert picture.png -o mesh.glb"
            )
        need_libraries({**DRAWING, **(X11 if os.environ.get("DISPLAY") else WAYLAND)})
    set_up(("run",))
    command = [str(venv_python()), "-P", "-m", "img2model_desktop", *arguments]
    if WINDOWS:
        return subprocess.call(command)
    os.execv(command[0], command)


def test(arguments: List[str]) -> int:
    """Runs checks and tests; the exit status says whether all of them passed, and pytest's line comes last."""
    lint = "--no-lint" not in arguments
    arguments = [argument for argument in arguments if argument != "--no-lint"]
    prepare_for_tests()
    failed = [name for name, command in checks().items() if not passes(name, command)] if lint else []
    with virtual_display() as environment:
        status = pytest_status(arguments, environment)
    if failed:
        print(f"Not in order: {', '.join(failed)} (see above).", file=sys.stderr)
    return status or (1 if failed else 0)


def pytest_status(arguments: List[str], environment: Dict[str, str]) -> int:
    """Runs the tests; without arguments in two processes side by side, one for those that open windows and the rest.

    What the second one says follows when the first is done.
    """
    command = [str(venv_python()), "-m", "pytest"]
    if arguments:
        return subprocess.call([*command, *arguments], cwd=str(ROOT), env=environment)
    # each has its half of the cores: threads that wait for one that is taken make the work ten times as long
    half = str(max(1, (os.cpu_count() or 2) // 2))
    environment = {"OMP_NUM_THREADS": half, "OPENBLAS_NUM_THREADS": half, **environment}
    folders = [f"tests/{name}" for name in WITHOUT_WINDOWS]
    beside = subprocess.Popen(
        [*command, *folders], cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    told: List[bytes] = []
    reader = threading.Thread(target=lambda: told.append(beside.communicate()[0]))
    reader.start()
    try:
        status = subprocess.call(
            [*command, "tests", *(f"--ignore={folder}" for folder in folders)], cwd=str(ROOT), env=environment
        )
    except BaseException:
        beside.kill()
        raise
    finally:
        reader.join()
    print(f"\n{', '.join(folders)}:\n{b''.join(told).decode(errors='replace')}", flush=True)
    return status or beside.returncode


def bench(arguments: List[str]) -> int:
    """Prints the figures."""
    prepare_for_tests()
    with virtual_display() as environment:
        return subprocess.call([str(venv_python()), "-m", "tests.bench", *arguments], cwd=str(ROOT), env=environment)


def prepare_for_tests() -> None:
    """What tests and benchmarks need: libraries, a virtual display, packages, the glTF validator."""
    need_libraries({**DRAWING, **X11}, {"Xvfb": "xvfb"})
    set_up(("run", "test"))
    add_validator()


def checks() -> Dict[str, List[str]]:
    """Name -> command of each check that is not a test."""
    bin_ = venv_python().parent
    return {
        "style": [str(bin_ / "ruff"), "check", "--quiet"],
        "layout": [str(bin_ / "ruff"), "format", "--check", "--quiet"],
        "types": [str(bin_ / "mypy"), "--no-error-summary"],
        "imports": [str(bin_ / "lint-imports"), "--no-logo"],
    }


def passes(name: str, command: List[str]) -> bool:
    """Runs one check; what it says is shown only when it fails."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        print(f"{name}: not in order\n{said}\n", flush=True)
    else:
        print(f"{name}: in order ({time.monotonic() - began:.1f} s)", flush=True)
    return done.returncode == 0


# -- the machine --------------------------------------------------------------------------------------------


def check_python(version: Tuple[int, ...]) -> None:
    """Raises NotReady for a Python that the pinned packages are not made for."""
    if not OLDEST <= tuple(version) <= NEWEST:
        have, low, high = (".".join(map(str, item)) for item in (version, OLDEST, NEWEST))
        raise NotReady(f"This is Python {have}; call this file with Python {low} to {high}, for example: python{high}")


def has_screen(environment: Dict[str, str] | os._Environ[str]) -> bool:
    """Whether a window can be shown."""
    return not LINUX or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def need_libraries(libraries: Dict[str, str], programs: Optional[Dict[str, str]] = None) -> None:
    """Makes sure of shared libraries and programs on Linux: installs Debian packages as root, else says which.

    Args:
        libraries: file name -> Debian package.
        programs: name -> Debian package.

    Raises:
        NotReady: something is missing and cannot be installed from here.
    """
    if not LINUX:
        return
    missing = [name for name in libraries if not can_load(name)]
    missing += [name for name in programs or {} if not shutil.which(name)]
    if missing:
        packages = {**libraries, **(programs or {})}
        install_debian([packages[name] for name in missing], f"this needs {', '.join(missing)}")


def can_load(library: str) -> bool:
    """Whether the loader finds a shared library: asked of the loader itself, so true on every distribution."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_debian(packages: List[str], why: str) -> None:
    """Installs packages as root on Debian and its kin.

    Raises:
        NotReady: not root, not such a system, or it failed; says what to do.
    """
    wanted = " ".join(packages)
    if not shutil.which("apt-get"):
        raise NotReady(f"Not ready: {why}. Install it with your system's package manager (Debian's names: {wanted}).")
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise NotReady(f"Not ready: {why}. Run this line, then try again:\nsudo {' '.join(command)}")
    say(f"installing system packages: {wanted}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(step, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            print(done.stdout.decode(errors="replace"), file=sys.stderr)
            raise NotReady(f"Not ready: {why}, and “{' '.join(step)}” failed; see above.")


@contextlib.contextmanager
def virtual_display() -> Iterator[Dict[str, str]]:
    """An environment with a display of its own for as long as the block runs; on Linux a virtual one.

    Raises:
        NotReady: the display server did not start.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles nothing: each process would do it all anew
    if VALIDATOR_FOLDER.is_dir():
        environment["IMG2MODEL_GLTF_VALIDATOR"] = str(VALIDATOR_FOLDER)
    if not LINUX:
        yield environment
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()  # ends empty when the server ends
        if not number:
            raise NotReady(f"Not ready: the virtual display did not start; to see why: Xvfb :99 -screen 0 {SCREEN}")
        environment.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb", LIBGL_ALWAYS_SOFTWARE="1")
        environment.pop("WAYLAND_DISPLAY", None)
        yield environment
    finally:
        signal.signal(signal.SIGTERM, before)
        server.terminate()
        server.wait()


# -- the packages -------------------------------------------------------------------------------------------


def set_up(sets: Tuple[str, ...]) -> None:
    """Makes `.venv` hold the pinned packages of these sets; does nothing when it does already.

    The stamp is written last, and a mark lies in `.venv` for as long as packages are being installed: a set-up
    that was interrupted is made anew, since pip takes a package that it wrote by half for a whole one.

    Raises:
        NotReady: no room, no pip, or the packages could not be fetched.
    """
    if is_set_up(sets):
        return
    with one_at_a_time():
        if is_set_up(sets):  # another call did it while this one waited
            return
        began = time.monotonic()
        sets = tuple(sorted({*sets, *stamped().get("sets", {})}))
        make_venv()
        UNDER_WAY.touch()
        STAMP.unlink(missing_ok=True)
        say("installing the pinned packages into .venv (once; 1.5 GB or more)")
        pip_install(["torch==" + pinned("torch")])  # first and by itself: nothing else may choose its build
        pip_install([item for name in sets for item in ("-r", str(PINS / f"{name}.in"))])
        link_package()
        STAMP.write_text(json.dumps({"sets": {name: fingerprint(name) for name in sets}}), encoding="utf-8")
        UNDER_WAY.unlink()
        say(f"set up in {time.monotonic() - began:.0f} s")


def is_set_up(sets: Tuple[str, ...]) -> bool:
    """Whether the stamp says that each of these sets is installed as it is pinned now."""
    done = stamped().get("sets", {})
    return venv_python().exists() and all(done.get(name) == fingerprint(name) for name in sets)


def stamped() -> Dict[str, Dict[str, str]]:
    """What the stamp says; empty when there is none that can be read, or a set-up is under way."""
    if UNDER_WAY.exists():
        return {}
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def fingerprint(name: str) -> str:
    """Of all that decides what one set installs: pins, Python, place, and the layout of this file's set-ups."""
    parts = [(PINS / f"{name}.in").read_bytes(), (PINS / "cpu.txt").read_bytes()]
    parts += [repr((LAYOUT, sys.version_info[:3], str(ROOT))).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_venv() -> None:
    """Makes `.venv`, or keeps the one there is if it is whole and of this Python."""
    if venv_python().exists() and not UNDER_WAY.exists() and venv_version() == sys.version_info[:2]:
        return
    if shutil.disk_usage(str(ROOT)).free < FREE_BYTES:
        raise NotReady(f"Not ready: the set-up needs {FREE_BYTES / 1e9:.0f} GB of free disk in {ROOT}; make room.")
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        install_debian(["python3-venv"], "this Python cannot make virtual environments (no ensurepip)")
    if VENV.exists():
        say("making .venv anew")
        shutil.rmtree(str(VENV))
    VENV.mkdir()
    UNDER_WAY.touch()
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
    if done.returncode:
        raise NotReady("Not ready: the virtual environment could not be made; see above.")


def venv_python() -> Path:
    """The environment's own interpreter."""
    return VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")


def venv_version() -> Tuple[int, ...]:
    """`(major, minor)` of the Python that the environment was made with; empty when it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "version":
                return tuple(int(part) for part in value.strip().split(".")[:2])
    return ()


def pip_install(what: List[str]) -> None:
    """Installs wheels, never sources, under the pinned versions.

    Raises:
        NotReady: pip failed; its own words are above.
    """
    # Modules are compiled when they are first used: compiling all of them now would double the time.
    options = ["--no-input", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:"]
    options += [] if sys.stderr.isatty() else ["--quiet"]
    command = [str(venv_python()), "-m", "pip", "install", *options, "-c", str(PINS / "cpu.txt"), *what]
    if subprocess.call(command, cwd=str(ROOT), stdout=2):  # stdout belongs to the program: it may write JSON there
        raise NotReady("Not ready: pip could not install the packages; see above. The first set-up needs a network.")


def pinned(name: str) -> str:
    """The version that cpu.txt gives a package."""
    for line in (PINS / "cpu.txt").read_text(encoding="utf-8").splitlines():
        found, _, version = line.partition("==")
        if found == name:
            return version.split(";")[0].strip()
    raise KeyError(name)


def link_package() -> None:
    """Lets the environment's Python find the package in this checkout, from every folder."""
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.check_output([str(venv_python()), "-c", script]).decode().strip()
    (Path(folder) / "image2model_desktop_checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")


def add_validator() -> None:
    """Installs the glTF validator where npm is at hand; the tests that use it are skipped otherwise."""
    npm = shutil.which("npm")
    if not npm or (VALIDATOR_FOLDER / "gltf-validator").is_dir():
        return
    folder = VALIDATOR_FOLDER.parent
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--silent"]
    done = subprocess.run([npm, "install", "--prefix", str(folder), *options, VALIDATOR], check=False)
    if done.returncode:
        shutil.rmtree(str(folder), ignore_errors=True)
        say("the glTF validator could not be installed; its tests are skipped")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Lets a second call wait until the first has set up; the lock goes with the process, however it ends."""
    if WINDOWS:
        yield
        return
    import fcntl

    with Path(__file__).open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tells what is going on, on stderr: stdout belongs to what is started."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
