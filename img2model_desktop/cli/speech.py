"""How the command line speaks: results as text or JSON lines, problems as one sentence."""

import json
import sys
from typing import Any


def print_json(plain: dict[str, Any]) -> None:
    """One JSON object in one line on stdout."""
    print(json.dumps(plain, ensure_ascii=False), flush=True)


def say_problem(message: str, advice: str) -> None:
    """What went wrong and what to do, on stderr."""
    print(f"{message} {advice}".strip(), file=sys.stderr)
