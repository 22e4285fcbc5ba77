"""The argument parser: another class starts from its own defaults; errors take one sentence."""

from __future__ import annotations

import difflib
import inspect
import re
from typing import Any, NoReturn, get_args

import jsonargparse
import jsonargparse._typehints
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from gan_lightning.errors import UserError


class Parser(LightningArgumentParser):
    """Says what is wrong in one message instead of a page of usage; takes no abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises what `main` prints, to exit with code 2."""
        raise UserError(in_one_sentence(self, message)) from ex


def _start_afresh(parser: object, previous: Namespace | None, value: Namespace) -> None:
    """Empties the arguments of a class that another one replaces.

    jsonargparse hands the replaced class's arguments on where names and types fit, so that
    ``--model.norm ssn`` over a config with a scaled bssn would silently take over its scale.
    """
    if previous and "init_args" in previous and previous["class_path"] != value["class_path"]:
        for key in list(previous["init_args"].keys()):
            previous["init_args"].pop(key)


# There is no public setting for this; a test holds it for every way of choosing a class.
jsonargparse._typehints.discard_init_args_on_class_path_change = _start_afresh


def in_one_sentence(parser: jsonargparse.ArgumentParser, message: str) -> str:
    """What jsonargparse reports over many lines, with the names that are known."""
    unrecognized = re.search(r"unrecognized arguments: (--[^\s=]+)", message, re.IGNORECASE)
    if unrecognized:
        near = difflib.get_close_matches(unrecognized.group(1), _options(parser), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "see --help"
        return f"{unrecognized.group(1)} is not an option; {hint}"
    located = re.match(r'\s*Parser key "([^"]+)"(?: element \d+)?:\s*', message)
    if not located:
        return " ".join(message.split())
    return _about(parser, located.group(1), message[located.end() :])


def _about(parser: jsonargparse.ArgumentParser, key: str, message: str) -> str:
    """What is wrong with the option ``key``."""
    unknown = re.search(r"Option '([^']+)' is not accepted", message)
    if unknown:
        return f"--{key}.{unknown.group(1)} is not an option; see --help"
    given = re.search(r"Given value: (.*)|Expected a path but (\S+) either", message)
    value = (given.group(1) or given.group(2)) if given else ""
    nested = re.fullmatch(r"NestedArg\(key='([^']+)', val=(.*)\)", value)
    if nested:
        wanted = re.findall(r"Expected [^\n]+", message)
        return f"--{key}.{nested.group(1)} {nested.group(2)}: {' '.join(wanted) or message}"
    names = _known_names(parser, key)
    if value and names and "." not in value:
        return (
            f"--{key} {value} is not known. Known: {', '.join(names)}; "
            "or give the import path of your own, as package.module.name"
        )
    reason = re.search(r"Problem with given class_path '[^']*':\s*(.*)", message)
    if reason:
        return f"--{key} {value}: {reason.group(1)}"
    return f"--{key}: {' '.join(message.split())}"


def _options(parser: jsonargparse.ArgumentParser) -> list[str]:
    """Every option of a parser and of its subcommands."""
    names = [name for action in parser._actions for name in action.option_strings]
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for child in action.choices.values():
                names += _options(child)
    return names


def _known_names(parser: jsonargparse.ArgumentParser, key: str) -> list[str]:
    """The names of the classes that an option takes."""
    hint: Any = None
    for action in parser._actions:
        if action.dest == key:
            hint = getattr(action, "_typehint", None)
    classes = [c for c in (hint, *get_args(hint)) if inspect.isclass(c) and inspect.isabstract(c)]
    return sorted({name for base in classes for name in _concrete(base)})


def _concrete(base: type) -> list[str]:
    names = [] if inspect.isabstract(base) else [base.__name__]
    children: list[type] = type.__subclasses__(base)
    for child in children:
        names += _concrete(child)
    return names
