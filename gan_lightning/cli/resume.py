"""What may change when a run goes on: which options make no difference, which do, which must not.

A checkpoint carries the options it was trained with, so that the comparison does not depend on the
fate of ``config.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch.optim import Optimizer

from gan_lightning.errors import UserError

Options = dict[str, Any]
"""Options by their dotted names."""

HARMLESS = (
    *("config", "run", "ckpt_path", "weights_only", "model.image_shape"),
    *("model.seed", "data.init_args.seed"),  # linked to seed_everything, which is compared
    *("checkpoints.*", "samples.*", "evaluation.*", "ema.predict", "diagnostics.*", "advisor.*"),
    *(f"trainer.{key}" for key in ("max_steps", "max_epochs", "max_time", "default_root_dir")),
    *(f"trainer.{key}" for key in ("logger*", "callbacks*", "profiler*", "enable_*", "limit_val*")),
    *(f"trainer.{key}" for key in ("log_every_n_steps", "val_check_interval", "detect_anomaly")),
    *(f"trainer.{key}" for key in ("num_sanity_val_steps", "limit_test*", "limit_predict*")),
    *(f"data.init_args.{key}" for key in ("root", "prepared_root", "download", "num_workers")),
    *(f"data.init_args.{key}" for key in ("device_cache*", "num_predict")),
)
"""What the trained weights do not depend on."""

FIXED = (
    *("seed_everything", "model.generator", "model.generator.*"),
    *("model.discriminator", "model.discriminator.*"),
    *(
        f"model.{network}_optimizer{end}"
        for network in ("generator", "discriminator")
        for end in ("", ".class_path")
    ),
    *(f"model.{norm}{end}" for norm in ("norm", "generator_norm") for end in ("", ".class_path")),
    *(f"model.{of}initialization{end}" for of in ("", "generator_") for end in ("", ".*")),
)
"""What a checkpoint has no use for in another form, or what two halves of a run must share."""


def flat(options: Mapping[str, Any], prefix: str = "") -> Options:
    """Options by their dotted names.

    >>> flat({"model": {"n_dis": 1, "norm": {"init_args": {}}}})
    {'model.n_dis': 1, 'model.norm.init_args': {}}
    """
    found: Options = {}
    for key, value in options.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def weight_options(options: Options) -> Options:
    """The options that the trained weights depend on."""
    return {key: value for key, value in options.items() if not _is(key, HARMLESS)}


def changes(before: Options, now: Options) -> dict[str, tuple[Any, Any]]:
    """What differs between two sets of options: name to (before, now); None where absent."""
    return {
        key: (before.get(key), now.get(key))
        for key in before | now
        if before.get(key) != now.get(key)
    }


def require_allowed(changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuses changes that cannot take effect.

    Raises:
        UserError: Names the first of them.
    """
    for key, (before, now) in changed.items():
        if _is(key, FIXED):
            raise UserError(
                f"--{key} {now} cannot be changed on resume: the checkpoint was trained with "
                f"{before}; leave it as it was, or start a new run with another --run"
            )


def changes_in_words(changed: Mapping[str, tuple[Any, Any]]) -> str:
    """One sentence for the terminal."""
    pairs = ", ".join(f"{key} {before} -> {now}" for key, (before, now) in changed.items())
    return f"changed on resume: {pairs}; the run is no longer bit-exact"


def set_optimizer_options(
    name: str, optimizer: Optimizer, changed: Mapping[str, tuple[Any, Any]]
) -> None:
    """Gives an optimizer the options that were changed; its checkpoint brought the old ones.

    Args:
        name: "generator" or "discriminator".
        optimizer: Built with the new options, then restored.
        changed: By dotted names.

    Raises:
        UserError: One of them is no option of the optimizer's parameter groups.
    """
    prefix = f"model.{name}_optimizer.init_args."
    for key in (key for key in changed if key.startswith(prefix)):
        option = key.removeprefix(prefix)
        for group in optimizer.param_groups:
            if option not in group or (option == "lr" and "initial_lr" in group):
                raise UserError(
                    f"--{key} {changed[key][1]} cannot be changed on resume: the optimizer's state "
                    "and its schedule rest on it; leave it as it was, or start a new run"
                )
            _assign(group, option, optimizer.defaults[option])


def _assign(group: dict[str, Any], option: str, value: object) -> None:
    if isinstance(group[option], torch.Tensor) and isinstance(value, float | int):
        group[option].fill_(value)
    else:
        group[option] = value


def _is(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)
