"""The words of a run's command, as W&B's agent puts them together."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_lightning.errors import UserError

WANDB = "wandb"
"""The name of the config by which runs go to W&B, without its ending."""


def argument_forms(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What stands for each of the agent's macros: name to words.

    >>> argument_forms({"model.n_dis": 2})["args"]
    ['--model.n_dis=2']
    """
    pairs = [f"{name}={value}" for name, value in values.items()]
    return {
        "args": [f"--{pair}" for pair in pairs],
        "args_no_hyphens": pairs,
        "args_no_equals": [w for name, value in values.items() for w in (f"--{name}", str(value))],
        "args_no_boolean_flags": [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in values.items()
            if value is not False
        ],
        "args_json": [json.dumps(dict(values))],
        "args_append_hydra": [f"+{pair}" for pair in pairs],
        "args_override_hydra": [f"++{pair}" for pair in pairs],
    }


def words(
    command: Sequence[str], values: Mapping[str, Any], extra: Sequence[str] = ()
) -> list[str]:
    """The words of one run's command, without W&B, which asks for an account.

    Args:
        command: The sweep file's.
        values: The run's.
        extra: What was typed behind ``--``, for all runs.

    Raises:
        UserError: The command has a macro that is not known here.
    """
    forms = argument_forms(values)
    found: list[str] = []
    for word in _without_wandb(command):
        if not word.startswith("${"):
            found.append(word)
        elif word[2:-1] in forms:
            found += forms[word[2:-1]]
        else:
            known = ", ".join(f"${{{name}}}" for name in forms)
            raise UserError(f"command has {word}, which is not known here; known: {known}")
    return [*found, *extra]


def _without_wandb(command: Sequence[str]) -> list[str]:
    """The command without ``--config configs/wandb.yaml``."""
    kept: list[str] = []
    for word in command:
        if kept and kept[-1] in ("--config", "-c") and Path(word).stem == WANDB:
            kept.pop()
        elif not (word.startswith("--config=") and Path(word.partition("=")[2]).stem == WANDB):
            kept.append(word)
    return kept


def started(words: Sequence[str], run: str | Path) -> list[str]:
    """What starts a run, or goes on with it, in its folder: a process of this Python's.

    Args:
        words: Of its command, beginning with ``gan``.
        run: The run's folder.
    """
    program = [
        sys.executable,
        "-m",
        "gan_lightning.cli",
        words[1],
        "--trainer.enable_progress_bar=false",
    ]
    return [*program, *words[2:], f"--run={run}", "--ckpt_path=last"]
