"""`image-curation`: curation of a folder of images on the command line.

Exit codes: 0 fine; 1 a condition of --fail-on fails; 2 bad use; 3 it could not run, or a condition could not be judged.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from ..core.base.errors import CuratorError, DataError, Interrupted
from . import check_command, method_commands
from .report import BAD_USE, COULD_NOT

INTERRUPTED = 130  # as shells have it
COMMANDS = (check_command, *method_commands.COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every failure is one sentence on the error stream.

    Args:
        arguments: those of the process where None.

    Returns:
        the exit code
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as ended:  # of --help and --version, and of arguments that argparse refuses
        return int(ended.code or 0)
    try:
        return int(given.run(given))
    except DataError as error:
        return _said(error, COULD_NOT)
    except CuratorError as error:
        return _said(error, BAD_USE)
    except OSError as error:
        place = f" {error.filename!r}" if error.filename else ""
        return _said(f"The file or folder{place} cannot be used: {error.strerror or error}", COULD_NOT)
    except (KeyboardInterrupt, Interrupted):
        return _said("stopped; nothing was written", INTERRUPTED)
    except Exception:  # noqa: BLE001 - Python's own exit code would say that something was found
        traceback.print_exc()
        return COULD_NOT


def version() -> str:
    """Of this package."""
    return str(import_module("..", __package__).__version__)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="image-curation",
        description="Curation of a folder of images: what is wrong with it, without an App and without a database.",
        epilog="Exit codes: 0 fine; 1 a condition of --fail-on fails; 2 bad use; 3 it could not run.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def _said(sentence: object, code: int) -> int:
    print(f"image-curation: {sentence}", file=sys.stderr)
    return code
