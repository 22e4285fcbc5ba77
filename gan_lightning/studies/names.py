"""Names of run folders that say what differs between the runs of a study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gan_lightning.files import json_sha256

LONGEST = 150
"""Characters of a name; file systems take 255 bytes."""

SHORT = {"seed_everything": "seed"}


def short_names(options: Sequence[str]) -> dict[str, str]:
    """The shortest endings of dotted names that tell them apart.

    >>> short_names(["model.norm", "model.norm.init_args.scale", "seed_everything"])
    {'model.norm': 'norm', 'model.norm.init_args.scale': 'scale', 'seed_everything': 'seed'}
    >>> list(short_names(["model.a.init_args.lr", "model.b.init_args.lr"]).values())
    ['a.lr', 'b.lr']
    """
    parts = {name: [p for p in name.split(".") if p != "init_args"] for name in options}
    found = {}
    for name, own in parts.items():
        others = [other for key, other in parts.items() if key != name]
        length = next(
            (n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others)),
            len(own),
        )
        found[name] = SHORT.get(name, ".".join(own[-length:]))
    return found


def short_value(value: object) -> str:
    """A value as it may stand in a file's name and in a shell.

    >>> short_value("{class_path: ssn, init_args: {scale: 1.4}}"), short_value([0.5, 0.9])
    ('ssn-scale1.4', '0.5_0.9')
    >>> short_value("configs/settings/bssn_1.yaml"), short_value(None), short_value(1e-4)
    ('bssn_1', 'null', '0.0001')
    """
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = _parsed(value)
    if isinstance(value, Mapping):
        arguments = value.get("init_args") or {}
        if "class_path" not in value:
            return "-".join(f"{key}-{short_value(part)}" for key, part in value.items())
        inside = "".join(f"-{key}{short_value(argument)}" for key, argument in arguments.items())
        return short_value(str(value["class_path"]).rsplit(".", 1)[-1]) + inside
    if isinstance(value, list | tuple):
        return "_".join(short_value(item) for item in value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = re.sub(r"(?:.*/)?([^/]+)\.ya?ml", r"\1", str(value))
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "empty"


def _parsed(text: str) -> object:
    """A list or mapping that is written as text."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # the latter for a date that no month has
        return text


def run_name(values: Mapping[str, Any], varied: Sequence[str], slot: int | None = None) -> str:
    """What differs, such as ``norm=sn,seed=1``.

    Args:
        values: Of the run.
        varied: Which of them differ between runs.
        slot: The run's number, where two runs may be given the same values.
    """
    names = short_names(list(varied))
    pairs = [f"{names[key]}={short_value(values[key])}" for key in varied]
    pairs += [] if slot is None else [f"trial={slot}"]
    name = ",".join(pairs) or "run"
    if len(name) <= LONGEST:
        return name
    mark = json_sha256([values, slot])[:8]
    return f"{name[: LONGEST - 9]}-{mark}"
