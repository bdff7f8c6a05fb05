"""Prints every figure that the project promises: `python3 installers/dev.py bench [NAME ...]`.

A benchmark is a module of this folder with `NAME: str` and `tables() -> list[Table]`. Each runs in a process
of its own, so that neither memory nor imports of one colour the figures of the next; one that fails does not
keep the others from running.
"""

import argparse
import ast
import importlib
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.machine import machine

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


def main(argv: list[str]) -> int:
    """Runs the named benchmarks, or all; 0 when every one ran to its end, 2 for a name that is unknown."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Prints the project's figures as tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; none for all")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process: the child's side
    arguments = parser.parse_args(argv)
    known = found()
    unknown = sorted(set(arguments.names) - set(known))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(known)}.", file=sys.stderr)
        return 2
    names = arguments.names or list(known)
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.here:
        for name in names:
            _show(known[name])
        return 0
    return _run_all(names)


def found(folder: Path = FOLDER) -> dict[str, str]:
    """NAME -> module, of every file in the folder that defines both `NAME` and `tables`; nothing is imported."""
    benchmarks = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            is_name = isinstance(target, ast.Name) and target.id == "NAME" and isinstance(value, ast.Constant)
            if is_name and "tables" in functions:
                benchmarks[str(value.value)] = path.stem  # type: ignore[union-attr]  # a constant, as just seen
    return benchmarks


def _run_all(names: list[str]) -> int:
    print(machine(), flush=True)
    failed = []
    for name in names:
        print(f"\n\n=== {name} ===\n", flush=True)
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "tests.bench", "--here", name], cwd=ROOT, check=False)
        if done.returncode:
            failed.append(f"{name} (exit status {done.returncode})")
        print(f"\n({name} took {time.monotonic() - began:.0f} s)", flush=True)
    print(f"\n{len(names) - len(failed)} of {len(names)} benchmarks ran to their end.")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _show(module: str) -> None:
    """One benchmark, in this process."""
    tables = importlib.import_module(f"tests.bench.{module}").tables()
    if not tables:
        print("No figures: the data that this benchmark needs is not on this machine.")
    print("\n\n".join(str(table) for table in tables), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
