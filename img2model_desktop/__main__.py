"""The program: without arguments the window, with arguments the command line."""

import sys


def main() -> int:
    """Runs the program; the exit code of errors.py."""
    if len(sys.argv) > 1:
        from img2model_desktop import cli

        return cli.main(sys.argv[1:])
    from img2model_desktop.gui import app

    return app.run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
