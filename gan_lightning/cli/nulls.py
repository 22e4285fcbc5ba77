"""``null`` for an argument of a class that takes none, which jsonargparse lets pass."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from jsonargparse import Namespace

from gan_lightning.cli.sentences import plain
from gan_lightning.errors import UserError
from gan_lightning.jsonargparse_private import named


def require_values(config: object) -> None:
    """Holds the arguments of every class in a parsed config to their annotations, as to ``null``.

    Raises:
        UserError: An argument is ``null`` that cannot be; names it and says what it takes.
    """
    for option, made, arguments in _classes(config, ""):
        for name in (name for name, value in arguments.items() if value is None):
            hint = _hint(made, name)
            if hint is not None and not _takes_none(hint):
                wanted = plain(inspect.formatannotation(hint))
                raise UserError(f"is null: give {wanted}, or leave it out", f"{option}.{name}")


def _classes(value: object, option: str) -> Iterator[tuple[str, type, Mapping[str, Any]]]:
    """Every class in a config with the option that chose it and its arguments."""
    if isinstance(value, Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        path, arguments = value.get("class_path"), value.get("init_args")
        if isinstance(path, str) and isinstance(arguments, Namespace):
            made = named(path)
            if inspect.isclass(made):
                yield option, made, vars(arguments)
        for key, nested in value.items():
            inner = option if key == "init_args" else f"{option}.{key}".lstrip(".")
            yield from _classes(nested, inner)
    elif isinstance(value, list):
        for nested in value:
            yield from _classes(nested, option)


def _hint(made: type, name: str) -> Any:  # noqa: ANN401  (any type hint)
    """The annotation of an argument, of the class that has it among those it inherits from."""
    for kind in made.__mro__:
        constructor = vars(kind).get("__init__")
        parameter = inspect.signature(constructor).parameters.get(name) if constructor else None
        if parameter is not None and parameter.default is not None:
            try:
                return typing.get_type_hints(constructor).get(name)
            except (NameError, TypeError):  # of names that only a type checker imports
                return None
    return None


def _takes_none(hint: Any) -> bool:  # noqa: ANN401  (any type hint)
    return hint in (Any, object, None, NoneType) or any(map(_takes_none, typing.get_args(hint)))
