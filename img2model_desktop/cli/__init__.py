"""The command line: arguments -> values -> work -> text or JSON lines.

Progress goes to stderr, results to stdout, and the exit code is that of errors.py. No Qt is loaded.
"""

import argparse
import sys
import traceback
from collections.abc import Sequence

from img2model_desktop import __version__
from img2model_desktop.cli import batch, convert, doctor, history, lists, meshes, pictures, weights
from img2model_desktop.cli.speech import say_problem
from img2model_desktop.errors import EXIT_BUG, EXIT_CANCELLED, Cancelled, Img2ModelError

EXIT_CODES = "exit codes: 0 done, 1 bug, 2 input, 3 set-up, 4 memory, 5 engine, 130 cancelled"


def main(argv: Sequence[str]) -> int:
    """Runs one command; its exit code. Never raises and never shows a traceback for a problem of the user's."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        return code
    except Img2ModelError as problem:
        say_problem(problem.message, problem.advice)
        return problem.exit_code
    except (Cancelled, KeyboardInterrupt):
        print("Cancelled.", file=sys.stderr)
        return EXIT_CANCELLED
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to tell
        sys.stderr.close()
        return EXIT_BUG
    except Exception:  # noqa: BLE001 - the last place before the shell: a bug is named as one
        traceback.print_exc()
        say_problem("Something went wrong inside the program.", "Please report it with the lines above.")
        return EXIT_BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="img2model", description="Turns a picture or a prompt into a textured mesh.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"Image2Model Desktop {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary, add in (
        ("convert", "pictures or a prompt to meshes", convert.add_convert),
        ("batch", "a folder of pictures to a folder of meshes", batch.add_batch),
        ("inspect", "what a mesh is, and what it is fit for", meshes.add_inspect),
        ("fix", "makes a mesh fit for print, game, web or render", meshes.add_fix),
        ("edit", "operations of the workshop, one after the other", meshes.add_edit),
        ("export", "another format, size, axis or unit", meshes.add_export),
        ("turntable", "a mesh that turns, as GIF, WebP, PNG or MP4", pictures.add_turntable),
        ("report", "a page about a mesh to print or send, as HTML", pictures.add_report),
        ("history", "what was made: lists, finds, exports and tidies up", history.add_history),
        ("weights", "published weights for the engines that need some", weights.add_weights),
        ("doctor", "whether everything that is needed is there", doctor.add_doctor),
        ("engines", "the engines and their options", lists.add_engines),
        ("operations", "the operations of “edit” and their options", lists.add_operations),
        ("presets", "the presets of “export”", lists.add_presets),
    ):
        add(
            commands.add_parser(
                name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=EXIT_CODES
            )
        )
    return parser
