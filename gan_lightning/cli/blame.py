"""Which option the object was built from that found a mistake.

Objects speak of their own arguments. Where one was when it raised an error stands in the traceback:
jsonargparse was building it from an option, or one of its methods was running.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from gan_lightning.errors import UserError
from gan_lightning.jsonargparse_private import option_at_work, reasons_of_union

OWNERS = "_objects_by_option"
"""The attribute of a command that holds what was built: option -> object."""


OF_THE_COMMAND = ("again", "ckpt", "ckpt_path", "ema", "run", "trainer", "trust")
"""Arguments of a whole command, by which every object calls them: `trainer.strategy`, `run`."""


@contextmanager
def telling_options() -> Iterator[None]:
    """Turns an error that a user's mistake is behind into a `UserError` that names options."""
    try:
        yield
    except Exception as error:
        mistake = mistake_behind(error)
        if mistake is None:
            raise
        told = type(mistake)(as_option(mistake, option_behind(error)))
        told.heard_by = mistake.heard_by
        raise told from error


def as_option(mistake: UserError, option: str) -> str:
    """A mistake as it reads on the command line.

    Args:
        mistake: Of the arguments of an object.
        option: The option that the object was built from, such as ``model.norm``; "" if its
            arguments are options themselves.

    >>> as_option(UserError("is 3; lower it or `size`", argument="scale"), "model.norm")
    '--model.norm.scale is 3; lower it or --model.norm.size'
    >>> as_option(UserError("is 3; lower it or `trainer.devices`", argument="scale"), "model.norm")
    '--model.norm.scale is 3; lower it or --trainer.devices'
    """

    def typed(name: str) -> str:
        of_command = name.split(".")[0] in OF_THE_COMMAND
        way = (name,) if of_command else (option, *mistake.makers, name)
        return f"--{'.'.join(filter(None, way))}"

    return mistake.told(typed)


def mistake_behind(error: BaseException | None) -> UserError | None:
    """The first mistake that led to an error; jsonargparse wraps what constructors raise."""
    mistakes = [link for link in _chain(error) if isinstance(link, UserError)]
    return mistakes[-1] if mistakes else None


def option_behind(error: BaseException) -> str:
    """The option of the object that raised an error, such as ``model.norm``; "" if there is none.

    Args:
        error: As it was caught; what it was raised from counts as well, up to the user's mistake.
    """
    path: list[str] = []
    known: dict[int, str] = {}
    command: object = None
    for frame in _frames(error):
        at_work = option_at_work(frame)
        running = _worked_on(frame)
        if at_work is not None:
            path += [at_work] if path[-1:] != [at_work] else []  # an error raised again
        elif hasattr(running, OWNERS):
            known = _by_identity(getattr(running, OWNERS))
            command = getattr(getattr(running, "function", None), "__code__", None)
        elif frame.f_code is command:
            path = []  # its arguments are the options themselves
        elif id(running) in known:
            path = [known[id(running)]]
    return ".".join(path)


def _worked_on(frame: FrameType) -> object:
    """What a method belongs to, or a function works on: its first argument."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return frame.f_locals.get(names[0]) if names else None


def _frames(error: BaseException) -> Iterator[FrameType]:
    """The frames of an error and of those behind it, from the outermost inwards."""
    last = mistake_behind(error)
    for link in _chain(error):
        yield from _frames_of(link)
        if link is last:
            return


def _frames_of(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it, with the mistake among the reasons of a union."""
    while error is not None:
        yield error
        reasons = [reason for frame in _frames_of(error) for reason in reasons_of_union(frame)]
        mistaken = (reason for reason in reasons if mistake_behind(reason) is not None)
        behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        error = next(mistaken, behind)


def _by_identity(objects: Mapping[str, object]) -> dict[int, str]:
    """The options of objects, and of those they were given as arguments and keep by that name."""
    known: dict[int, str] = {}
    for option, thing in objects.items():
        for name in _arguments(thing):
            known |= _each(_attribute(thing, name), f"{option}.{name}")
        known |= _each(thing, option)
    return known


def _each(value: object, option: str) -> dict[int, str]:
    """An object, or those in a list; not numbers and strings, which are shared."""
    things = value if isinstance(value, list | tuple) else [value]
    return {id(thing): option for thing in things if hasattr(thing, "__dict__")}


def _arguments(thing: object) -> list[str]:
    try:
        return list(inspect.signature(type(thing)).parameters)
    except (TypeError, ValueError):
        return []


def _attribute(thing: object, name: str) -> object:
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001, RUF100  (a property may fail in any way; it is no argument then)
        return None
