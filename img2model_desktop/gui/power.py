"""What this computer can be told to do when the work is done: the only place that knows the systems' commands."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum

from img2model_desktop.errors import SetupProblem

TIME_LIMIT_S = 20


class After(StrEnum):
    """What comes after the last job."""

    NOTHING = "nothing"
    QUIT = "quit"
    SLEEP = "sleep"
    SHUT_DOWN = "shut down"


AFTER_WORDS = {
    After.NOTHING: "Stay on",
    After.QUIT: "Quit the program",
    After.SLEEP: "Let the computer sleep",
    After.SHUT_DOWN: "Shut down the computer",
}

_COMMANDS: dict[tuple[str, After], tuple[str, ...]] = {
    ("linux", After.SLEEP): ("systemctl", "suspend"),
    ("linux", After.SHUT_DOWN): ("systemctl", "poweroff"),
    ("darwin", After.SLEEP): ("pmset", "sleepnow"),
    ("darwin", After.SHUT_DOWN): ("osascript", "-e", 'tell application "System Events" to shut down'),
    ("win32", After.SLEEP): ("rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"),
    ("win32", After.SHUT_DOWN): ("shutdown.exe", "/s", "/t", "0"),
}

Run = Callable[[Sequence[str]], object]


def command(after: After, platform: str = sys.platform) -> tuple[str, ...]:
    """What to run on a system (`sys.platform`), without a question to the user; empty where nothing is to be run."""
    return _COMMANDS.get(("linux" if platform.startswith("linux") else platform, after), ())


def run_command(arguments: Sequence[str]) -> None:
    """Runs one of these commands.

    Raises:
        SetupProblem: this system does not have it, or refuses.
    """
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        details = str(problem)
    else:
        if done.returncode == 0:
            return
        details = done.stderr.strip() or f"it ended with {done.returncode}"
    raise SetupProblem("This computer cannot be told to sleep or shut down.", "Do it by hand.", details)
