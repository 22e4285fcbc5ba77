"""All that is used of jsonargparse beyond its public interface, checked at import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import jsonargparse
import jsonargparse._common
import jsonargparse._instantiation
import jsonargparse._typehints
import jsonargparse._util
from jsonargparse import (
    ArgumentParser,
    DefaultHelpFormatter,
    Namespace,
)

from gan_lightning.errors import require_in_code, require_names

_parser = ArgumentParser()

require_names(
    "jsonargparse",
    {
        jsonargparse._common: ("parsing_settings",),
        jsonargparse._instantiation: ("InstantiateMethod",),
        jsonargparse._util: ("import_object",),
        jsonargparse._typehints: (
            "ActionTypeHint",
            "discard_init_args_on_class_path_change",
            "raise_union_unexpected_value",
        ),
        DefaultHelpFormatter: ("_get_help_string",),
        # These are attributes of each one, not of the class.
        _parser: ("_actions",),
        _parser.add_argument("x", type=int | None): ("_typehint",),
    },
)

_instantiate = jsonargparse._instantiation.InstantiateMethod.instantiate
_check = jsonargparse._typehints.ActionTypeHint._check_type
_union = jsonargparse._typehints.raise_union_unexpected_value

require_in_code(
    "jsonargparse", {_instantiate: ("component",), _check: ("self",), _union: ("exceptions",)}
)

_INSTANTIATE: CodeType = _instantiate.__code__
_CHECK: CodeType = _check.__code__
_UNION: CodeType = _union.__code__


def option_at_work(frame: FrameType) -> str | None:
    """The option that jsonargparse reads or builds an object from, if this frame is where."""
    place = {_INSTANTIATE: "component", _CHECK: "self"}.get(frame.f_code)
    dest = getattr(frame.f_locals.get(place), "dest", None) if place else None
    return dest if isinstance(dest, str) else None


def reasons_of_union(frame: FrameType) -> list[Exception]:
    """Why each type of a union was not it, if this frame is where jsonargparse gives up."""
    found = frame.f_locals.get("exceptions", []) if frame.f_code is _UNION else []
    return [error for error in found if isinstance(error, Exception)]


def named(path: str) -> Any:  # noqa: ANN401  (whatever it names)
    """What jsonargparse takes an import path for, under the rules that hold."""
    return jsonargparse._util.import_object(path)


@contextmanager
def importing_only(allowed: Iterable[str]) -> Iterator[None]:
    """Lets values name what lies in the allowed packages and nothing else, and builds no Any.

    The settings are public, but last for the process; here they are given back.
    """
    settings: dict[str, Any] = jsonargparse._common.parsing_settings
    before = dict(settings)
    try:
        jsonargparse.set_parsing_settings(
            import_path_denylist=["*"],
            import_path_allowlist=list(allowed),
            instantiate_subclass_spec_in_any=False,
        )
        yield
    finally:
        settings.clear()
        settings.update(before)


def start_afresh(parser: object, previous: Namespace | None, value: Namespace) -> None:
    """Empties the arguments of a class that another one replaces.

    jsonargparse hands the replaced class's arguments on where names and types fit, so that
    ``--model.norm ssn`` over a config with a scaled bssn would silently take over its scale.
    """
    if previous and "init_args" in previous and previous["class_path"] != value["class_path"]:
        for key in list(previous["init_args"].keys()):
            previous["init_args"].pop(key)


# There is no public setting for this; a test holds it for every way of choosing a class.
jsonargparse._typehints.discard_init_args_on_class_path_change = start_afresh


class HelpFormatter(DefaultHelpFormatter):
    """Writes the page of help, and lets what it says of an option be changed."""

    def help_of(self, action: Any, text: str) -> str:  # noqa: ANN401  (argparse's, of many kinds)
        """What is said of an option, given what would be."""
        return text

    def _get_help_string(self, action: Any) -> str:  # noqa: ANN401  (the same)
        return self.help_of(action, super()._get_help_string(action))


def type_of(action: object) -> Any:  # noqa: ANN401  (a type hint of any form)
    """The type that an option takes."""
    if isinstance(action, jsonargparse._typehints.ActionTypeHint):
        return action._typehint
    return None


def actions(parser: ArgumentParser) -> list[Any]:
    """The options of a parser, as argparse keeps them."""
    return list(parser._actions)
