"""The ``gan`` command: says in one sentence what a user has to mend."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

from gan_lightning.cli import front
from gan_lightning.cli.words import refuse_empty
from gan_lightning.errors import UserError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 + SIGINT."""

UNREAD = 141
"""What a shell sees of a program whose output nobody reads to the end: 128 + SIGPIPE."""

LIGHT = ("compare", "report")
"""The commands that only read what runs have left, and start without torch."""


def main(args: Sequence[str] | None = None) -> None:
    """Runs ``gan``; a user's mistake ends in one message and exit code 2."""
    arguments = sys.argv[1:] if args is None else list(args)
    try:
        _do(arguments, in_process=args is not None)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _unread():
            raise  # another pipe, such as a worker's
        # Whoever read the output (`| head`) has seen enough; at its end Python would flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(UNREAD) from None
    except KeyboardInterrupt:
        sys.stderr.write("\ngan: stopped by Ctrl-C\n")
        raise SystemExit(INTERRUPTED) from None
    except UserError as error:
        if error.heard_by is None:
            sys.stderr.write(f"gan: error: {on_one_line(str(error))}\n")
        # A process that fails makes launchers kill the others, and one of them has yet to speak.
        raise SystemExit(0 if error.heard_by else error.exit_code) from None


def _do(arguments: Sequence[str], in_process: bool) -> None:
    """Imports no more than the command takes."""
    text = front.answer(arguments)
    if text is not None:
        print(text)
        return
    refuse_empty(arguments)
    if arguments[0] in LIGHT:
        from gan_lightning.cli.light import run_command

        run_command(arguments[0], arguments[1:])
        return
    from gan_lightning.cli.running import execute  # torch and all the rest

    execute(arguments, in_process=in_process)


def _unread() -> bool:
    """Whether standard output is a pipe whose reader has gone."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in asked.poll(0))


def on_one_line(text: str) -> str:
    r"""A sentence whose values hold what breaks or moves lines, which is written as in Python.

    >>> on_one_line("--out a\nb\x1b[2J: café")
    '--out a\\nb\\x1b[2J: café'
    """
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)
