"""The command `alga-workflows`, for people who write definitions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from alga_workflows_core.cli import simulate, validate

Command = Callable[[argparse.Namespace], int]

BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command in `arguments` (those of the process by default).

    Returns the exit status; SystemExit with 2 for arguments that are not understood, with 0 after
    help was printed.
    """
    options = _parser().parse_args(arguments)
    command: Command = options.command
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Whatever a file is called, and whatever the terminal can show.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on; the interpreter must not try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alga-workflows", description="Work on definitions of Alga Workflows."
    )
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser
    checking = add(
        "validate",
        help="say what is wrong with definitions",
        description=validate.DESCRIPTION,
    )
    validate.add_arguments(checking)
    checking.set_defaults(command=validate.run)
    simulating = add(
        "simulate",
        help="run a definition in virtual time",
        description=simulate.DESCRIPTION,
    )
    simulate.add_arguments(simulating)
    simulating.set_defaults(command=simulate.run)
    return parser
