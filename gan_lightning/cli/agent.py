"""The forms in which W&B's agent writes the options of a run, as options are written here.

``${args}`` makes ``--name=value``, ``${args_no_equals}`` ``--name value``, ``${args_no_hyphens}``
``name=value``, Hydra's forms ``+name=value`` and ``++name=value``, ``${args_json}`` one JSON
mapping, ``${args_no_boolean_flags}`` a bare ``--name`` for true. Values are written as Python does,
so that null is ``None``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from gan_lightning.cli.words import PLACES, Option, options

_BARE = re.compile(r"\+{0,2}(?P<pair>[a-z_]\w*(\.\w+)*=.*)", re.DOTALL)
_NULL = re.compile(r"(?P<before>[\[{:,]\s*)None(?=\s*[\]},])")


def as_options(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command with every one of those forms turned into ``--name=value``.

    >>> as_options(["--a.b=None", "--c", "None", "d.e=[0.5, None]", "++f=1", "--g.h"])
    ['--a.b=null', '--c', 'null', '--d.e=[0.5, null]', '--f=1', '--g.h=true']
    >>> as_options(['{"a.b": null, "c": {"class_path": "d"}}'])
    ['--a.b=null', '--c={"class_path": "d"}']
    """
    return [word for option in options(arguments) for word in _plain(option)]


def _plain(option: Option) -> Iterator[str]:
    """An option and what follows it."""
    first, *rest = option
    if first.startswith("--"):
        name, equals, value = first.partition("=")
        bare = f"{name}=true" if not rest and _is_flag(name) else first
        yield f"{name}={_null(value)}" if equals else bare
        if not equals and rest:
            yield _null(rest.pop(0))
    else:
        rest = option
    for word in rest:
        yield from _stray(word)


def _is_flag(name: str) -> bool:
    """Whether an option that stands alone may mean true: it belongs to a part of the run.

    >>> _is_flag("--evaluation.best"), _is_flag("--config"), _is_flag("--data.root")
    (True, False, False)
    """
    return "." in name and name.rsplit(".", 1)[-1] not in (*PLACES, "help")


def _stray(word: str) -> Iterator[str]:
    """A word that is no option's value."""
    bare = _BARE.fullmatch(word)
    if bare:
        key, _, value = bare.group("pair").partition("=")
        yield f"--{key}={_null(value)}"
    elif word.startswith("{"):
        yield from _of_json(word)
    else:
        yield word


def _of_json(word: str) -> Iterator[str]:
    try:
        values = json.loads(word)
    except ValueError:
        yield word
        return
    for name, value in values.items():
        yield f"--{name}={value if isinstance(value, str) else json.dumps(value)}"


def _null(value: str) -> str:
    """A value with Python's null as YAML's.

    >>> _null("{'class_path': 'ssn', 'init_args': {'a': None}}")
    "{'class_path': 'ssn', 'init_args': {'a': null}}"
    """
    return "null" if value == "None" else _NULL.sub(r"\g<before>null", value)
