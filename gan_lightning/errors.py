"""What the project raises when the user, not the code, has something to mend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

_INSTALL = "install one within the bounds of gan_lightning's pyproject.toml"
_NAMED = re.compile(r"`([a-z]\w*(?:\.\w+)*)`")


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
    """

    exit_code = 2
    heard_by: int | None = None
    """The number of the process that only heard of it from the one that found it, and tells it."""

    makers: tuple[str, ...] = ()
    """The arguments that the object at fault was made from, from its maker's maker's on inwards."""

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument

    def __str__(self) -> str:
        """The sentence as it reads in Python."""
        return self.told(lambda name: ".".join(filter(None, (*self.makers, name))), "`")

    def told(self, spelled: Callable[[str], str], quote: str = "") -> str:
        """The sentence with its arguments as its reader calls them.

        Args:
            spelled: From the name of an argument to how it is called; from "" to the object itself.
            quote: What stands around the arguments within the sentence.
        """
        message = _NAMED.sub(lambda name: f"{quote}{spelled(name.group(1))}{quote}", self.args[0])
        named = self.argument or self.makers
        return f"{spelled(self.argument or '')} {message}" if named else message


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
        error.makers = (argument, *error.makers)
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


def one_line(error: BaseException) -> str:
    """What an error of a library says, on one line; its kind if it says nothing."""
    return " ".join(str(error).replace("`", "'").split()) or type(error).__name__


def require_in_code(library: str, names: Mapping[Callable[..., object], Sequence[str]]) -> None:
    """Checks at import that functions of a library still speak of what is read or set for them.

    Attributes that an object only has at work, and local variables, are seen nowhere else before.

    Raises:
        ImportError: One does not.
    """
    import inspect  # takes longer than all else that `gan --help` imports

    for function, wanted in names.items():
        code = inspect.unwrap(function).__code__
        for name in wanted:
            if name not in {*code.co_names, *code.co_varnames}:
                raise ImportError(
                    f"gan_lightning relies on {name} in {function.__qualname__} of {library}, "
                    f"which the installed version lacks; {_INSTALL}"
                )


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
                    f"lacks; {_INSTALL}"
                )
