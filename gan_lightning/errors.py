"""What the project raises when the user, not the code, has something to mend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

_NAMED = re.compile(r"`([a-z]\w*(?:\.\w+)*)`")

OF_THE_COMMAND = ("again", "ckpt", "ckpt_path", "ema", "run", "trainer", "trust")
"""Arguments of a whole command, by which every object calls them: `trainer.strategy`, `run`."""


class UserError(Exception):  # not a ValueError: argument parsers swallow those
    """A mistake in the configuration or the data, with its remedy in the message.

    The command line prints the message alone, without a traceback, and exits with ``exit_code``.
    One message names the argument, its value, what is allowed and what to do.

    Whoever raises it names arguments as its own caller knows them, never options of the command
    line: which option an object was built from is not its business. The command line adds that.

    Args:
        message: The sentence, without the argument at its start. Other arguments of the same object
            stand in it between backquotes.
        argument: The argument at fault; the sentence starts with it.

    >>> str(UserError("must be > 0, got -1", argument="scale"))
    'scale must be > 0, got -1'
    >>> UserError("is 3; lower it or `size`", argument="scale").as_option("model.norm")
    '--model.norm.scale is 3; lower it or --model.norm.size'
    >>> UserError("is 3; lower it or `trainer.devices`", argument="scale").as_option("model.norm")
    '--model.norm.scale is 3; lower it or --trainer.devices'
    """

    exit_code = 2
    heard_by: int | None = None
    """The number of the process that only heard of it from the one that found it, and tells it."""

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument

    def __str__(self) -> str:
        """The sentence as it reads in Python."""
        return " ".join(filter(None, (self.argument, self.args[0])))

    def as_option(self, option: str) -> str:
        """The sentence as it reads on the command line.

        Args:
            option: The option that the object was built from, such as ``model.norm``; "" if its
                arguments are options themselves.
        """

        def typed(name: str) -> str:
            return f"--{name}" if _of_the_command(name) or not option else f"--{option}.{name}"

        message = _NAMED.sub(lambda name: typed(name.group(1)), self.args[0])
        return f"{typed(self.argument)} {message}" if self.argument else message


class TrainingDiverged(UserError):  # noqa: N818  (an event, named as the field names it)
    """A loss became NaN or infinite: a result, apart from exit code 1 of a crash."""

    exit_code = 3


@contextmanager
def from_argument(argument: str, *refusals: type[Exception]) -> Iterator[None]:
    """Where an object makes another one from a callable that it was given as an argument.

    A `UserError` about an argument of the made object becomes one about that of the maker.

    Args:
        argument: The maker's argument.
        *refusals: What else the callable raises where an argument of it is wrong; it becomes a
            `UserError`.

    >>> with from_argument("generator"):
    ...     raise UserError("must be >= 1, got 0", argument="width")
    Traceback (most recent call last):
    gan_lightning.errors.UserError: generator.width must be >= 1, got 0
    """
    try:
        yield
    except UserError as error:

        def of_maker(name: str) -> str:
            return name if _of_the_command(name) else f"{argument}.{name}"

        error.args = (_NAMED.sub(lambda name: f"`{of_maker(name.group(1))}`", error.args[0]),)
        error.argument = of_maker(error.argument) if error.argument else argument
        raise
    except refusals as error:
        raise UserError(f"is refused: {one_line(error)}", argument) from error


@contextmanager
def reading(refusal: Callable[[str], UserError]) -> Iterator[None]:
    """Where a library reads a file that may be damaged: whatever it raises is the user's to mend.

    Of damaged files zipfile, zlib, pickle, json, safetensors, numpy and torch raise dozens of kinds
    of errors, as few of them documented; no list of them was ever complete.

    Args:
        refusal: Makes the error from what the library says, on one line.

    >>> with reading(lambda said: UserError(f"x.npz cannot be read ({said})")):
    ...     raise EOFError
    Traceback (most recent call last):
    gan_lightning.errors.UserError: x.npz cannot be read (EOFError)
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise refusal(one_line(error)[:200]) from error


def _of_the_command(name: str) -> bool:
    return name.split(".")[0] in OF_THE_COMMAND


def one_line(error: BaseException) -> str:
    """What an error of a library says, on one line; its kind if it says nothing."""
    return " ".join(str(error).replace("`", "'").split()) or type(error).__name__


def require_names(library: str, names: Mapping[object, Sequence[str]]) -> None:
    """Checks at import that the private names of a library, which may go at any time, are there.

    Raises:
        ImportError: One is not.
    """
    for owner, wanted in names.items():
        for name in wanted:
            if not hasattr(owner, name):
                where = getattr(owner, "__name__", type(owner).__name__)
                raise ImportError(
                    f"gan_lightning uses {where}.{name} of {library}, which the installed version "
                    "lacks; install one within the bounds of gan_lightning's pyproject.toml"
                )
