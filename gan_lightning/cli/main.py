"""The ``gan`` command: says in one sentence what a user has to mend."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
        with _ended_at_once(in_process):
            from gan_lightning.cli.light import run_command

        run_command(arguments[0], arguments[1:])
        return
    with _ended_at_once(in_process):
        from gan_lightning.cli.running import execute  # torch and all the rest

    execute(arguments, in_process=in_process)


@contextmanager
def _ended_at_once(in_process: bool) -> Iterator[None]:
    """Lets Ctrl-C end the process instead of raising an exception in whatever is imported.

    Libraries catch exceptions when they look for what they can do without. One of Ctrl-C's that
    comes just then is lost, or leaves modules half imported: numpy calls itself until Python's
    stack is full. As long as there are only imports, there is nothing to clean up either.
    """
    before = signal.getsignal(signal.SIGINT)
    if in_process or before is not signal.default_int_handler:  # ignored, as behind `nohup ... &`
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
