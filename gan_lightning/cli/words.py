"""What can be said of a command line before it is parsed: its order, and whom it trusts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from gan_lightning.errors import UserError

TRUST = "--trust"
PLACES = (
    "file",
    "config",
    "run",
    "ckpt_path",
    "ckpt",
    "root",
    "prepared_root",
    "out",
    "images",
    "cache",
    "real",
)
"""Options whose values are files and folders, never import paths."""

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

Option = list[str]
"""An option with its value: ``[--name, value]``, ``[--name=value]`` or ``[--name]``."""


def options(arguments: Sequence[str]) -> list[Option]:
    """The arguments in groups: each option with the values that follow it."""
    groups: list[Option] = []
    for word in arguments:
        if word.startswith("--") or word == "-c" or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def option_name(option: Option) -> str:
    """The name of an option without its dashes: ``model.norm``, or ``x+`` for one that appends."""
    name = option[0].partition("=")[0]
    return "config" if name == "-c" else name.removeprefix("--")


def given_values(option: Option) -> list[str]:
    """What is given to an option."""
    _, equals, value = option[0].partition("=")
    return [value] if equals else option[1:]


def class_first(arguments: Sequence[str]) -> list[str]:
    """Puts what chooses before what is chosen, so that the order of the words does not matter.

    Configs come before all, for what is typed wins over what a file says. A class comes before its
    arguments, for it starts from its own defaults: in ``--model.norm.scale=2 --model.norm=ssn``
    the scale is that of ssn. Lists that are appended to keep their order.

    >>> class_first(["--a.b.c=2", "--x", "1", "--a.b", "d", "--config", "f"])
    ['--config', 'f', '--a.b', 'd', '--a.b.c=2', '--x', '1']
    """
    groups = [_joined(group) for group in options(arguments)]
    ordered: list[Option] = []
    for group in groups:
        name = option_name(group)
        ahead = _first_argument_of(name, ordered)
        appends = any(option_name(other) == f"{name}+" for other in groups)
        ordered.insert(len(ordered) if ahead is None or appends else ahead, group)
    ordered.sort(key=lambda group: option_name(group) != "config")
    return [word for group in ordered for word in group]


def _joined(option: Option) -> Option:
    """An option whose value begins with a dash, such as -inf, with it in one word.

    Parsers would take the value for an option, and say that another one lacks its value.

    >>> _joined(["--data.root", "-x"]), _joined(["--out", "x", "-h"])
    (['--data.root=-x'], ['--out', 'x', '-h'])

    Raises:
        UserError: There is no value; parsers name the class that the option belongs to.
    """
    if len(option) == 1 and re.fullmatch(r"--\w+(\.\w+)+(?<!\.help)\+?", option[0]):
        raise UserError(f"{option[0]} needs a value")
    value = option[1] if len(option) > 1 and "=" not in option[0] else ""
    if value.startswith("-") and value not in ("-h", "-c"):
        return [f"{option[0]}={value}", *option[2:]]
    return option


def _first_argument_of(name: str, groups: list[Option]) -> int | None:
    """Where the first argument of the class that an option chooses stands, such as its scale."""
    inside = (k for k, group in enumerate(groups) if option_name(group).startswith(f"{name}."))
    return next(inside, None)


def trusted(arguments: Sequence[str]) -> tuple[str, ...]:
    """The packages that the user's own words trust: by ``--trust``, or as values of options.

    >>> trusted(["--trust", "a.b", "--model.norm", "mine.norm", "--data.root", "my.folder"])
    ('a.b', 'mine')
    """
    packages: list[str] = []
    for group in options(arguments):
        if option_name(group) == "trust":
            if not given_values(group):
                raise UserError(f"{TRUST} needs the name of a package")
            packages += given_values(group)
        elif option_name(group).rsplit(".", 1)[-1] not in PLACES:
            for value in given_values(group):
                packages += [path.split(".")[0] for path in _import_paths(value)]
    return tuple(dict.fromkeys(packages))


def untrusting(arguments: Sequence[str]) -> list[str]:
    """The arguments without ``--trust``, which is no option that a config could hold."""
    kept = (group for group in options(arguments) if option_name(group) != "trust")
    return [word for group in kept for word in group]


def refuse_other_seeds(arguments: Sequence[str]) -> None:
    """Raises `UserError` for the seed of a part: there is one of the whole run, in its range."""
    for group in options(arguments):
        name = option_name(group)
        if name in ("data.seed", "data.init_args.seed", "model.seed"):
            raise UserError(f"--{name} is not an option of its own: set --seed_everything")


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raises `UserError` for an empty word: most often a variable of the shell that is not set.

    As a path it would mean the folder that the user stands in. Only what trainers and loggers
    take may be empty, such as a prefix. ``--name=--`` is refused as well: parsers drop the ``--``.
    """
    for group in options(arguments):
        name = option_name(group)
        if group[0].partition("=")[2] == "--":
            raise UserError(f"--{name} is --, which is no value: give another, or leave it out")
        own = given_values(group) or [group[0]]
        if "" in (*own, *group[1:]) and not may_be_empty(name):
            what = f"--{name}" if group[0].startswith("-") and "" in own else "an argument"
            raise UserError(f"{what} is empty: give a value, or leave it out{SHELL}")


SHELL = ". Was a variable of the shell not set?"


def may_be_empty(option: str) -> bool:
    """Whether an option belongs to an object of another package, where no text may be a text."""
    return option.split(".")[0] == "trainer"


def _import_paths(value: str) -> Iterator[str]:
    """The import paths in a value: itself, or the class paths of what is written as YAML."""
    if _IMPORT_PATH.fullmatch(value):
        yield value
    elif value[:1] in "{[":
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError:
            return
        yield from _class_paths(parsed)


def _class_paths(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, nested in value.items():
            if key == "class_path" and isinstance(nested, str) and _IMPORT_PATH.fullmatch(nested):
                yield nested
            yield from _class_paths(nested)
    elif isinstance(value, list):
        for nested in value:
            if isinstance(nested, str) and _IMPORT_PATH.fullmatch(nested):
                yield nested
            yield from _class_paths(nested)
