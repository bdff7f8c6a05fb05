"""The program: without arguments, or with files, the window; with anything else the command line."""

import os
import sys
from pathlib import Path


def main() -> int:
    """Runs the program; the exit code of errors.py."""
    arguments = sys.argv[1:]
    if not all(map(is_file, arguments)):
        from img2model_desktop import cli

        return cli.main(arguments)
    from img2model_desktop.gui import app

    return app.run(tuple(map(Path, arguments)))


def is_file(argument: str) -> bool:
    """Whether an argument is meant as a file or folder: no command and no option has a dot or a separator in it."""
    return not argument.startswith("-") and (bool(Path(argument).suffix) or os.sep in argument or "/" in argument)


if __name__ == "__main__":
    sys.exit(main())
