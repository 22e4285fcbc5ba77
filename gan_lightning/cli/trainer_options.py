"""Which options of Lightning's Trainer make sense for a GAN; the others are refused, with reasons.

Lightning accepts many that would train nothing, stop early without a word, or average gradients
twice, and refuses others by a traceback hours later.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.defaults import trainer_defaults
from gan_lightning.errors import UserError

Refusal = Callable[[Any], str | None]
"""What is wrong with a value, continuing "--trainer.NAME VALUE "; None if nothing is."""


MOST = 2**31 - 1
"""The most processes that torch can count."""


def check(options: Mapping[str, Any], command: str) -> None:
    """Looks at what a user gave the Trainer, before anything is built.

    Args:
        options: The Trainer's arguments, by name.
        command: fit, validate, test or predict.

    Raises:
        UserError: One of them makes no sense.
    """
    for name, refusal in {**RULES, **(FIT_RULES if command == "fit" else {})}.items():
        value = options.get(name)
        reason = refusal(value) if name in options else None
        if reason is not None:
            raise UserError(f"{_shown(value)} {reason}", f"trainer.{name}")


def blamed(refusal: str, options: Mapping[str, Any]) -> str:
    """The option that the Trainer's own refusal is about, and its value, as far as it says.

    Args:
        refusal: What the Trainer says.
        options: Its arguments, by name.

    >>> blamed("'Timer(duration='1')' is no duration", {"max_time": "1", "devices": "auto"})
    '--trainer.max_time 1'
    >>> blamed("For the 'profiler' parameter: simple", {"profiler": "x", "devices": "auto"})
    '--trainer.profiler x'
    >>> blamed("found 'Timer' in callbacks", {"callbacks": [object()]})
    '--trainer.callbacks [object]'
    >>> blamed("No", {"profiler": "x", "devices": "auto"})
    '--trainer'
    """
    signature = inspect.signature(Trainer).parameters
    defaults = {name: parameter.default for name, parameter in signature.items()}
    defaults |= trainer_defaults()
    given = {k: v for k, v in options.items() if k in defaults and v != defaults[k]}
    named = (name for name in given if re.search(rf"\b{name}\b", refusal))
    valued = (k for k, v in given.items() if re.search(rf"(?<!\w){re.escape(str(v))}\b", refusal))
    name = next(named, None) or next(valued, None)
    return f"--trainer.{name} {_shown(options[name])}" if name else "--trainer"


def _shown(value: object) -> str:
    """As it was typed, or nearly; of an object, its class."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    plain = value is None or isinstance(value, str | int | float | dict)
    return str(getattr(value, "class_path", value if plain else type(value).__name__))


def _always(*allowed: object) -> Callable[[str], Refusal]:
    """One way only; Lightning's other ways are not for training steps that count updates."""

    def because(reason: str) -> Refusal:
        return lambda value: None if value in allowed else reason

    return because


def _whole(least: int, what: str, none: bool = False, most: float = math.inf) -> Refusal:
    """An integer, at least so large."""

    def refusal(value: Any) -> str | None:  # noqa: ANN401  (whatever a user typed)
        if none and value is None:
            return None
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if right else f"is not allowed: {what}, an integer >= {least}"

    return refusal


def _strategy(value: Any) -> str | None:  # noqa: ANN401  (whatever a user typed)
    name = getattr(value, "class_path", value)
    if str(name).rsplit(".", 1)[-1] in ("auto", "ddp", "DDPStrategy", "SingleDeviceStrategy"):
        return None
    return (
        "is not allowed: the gradients of the network in turn are averaged here, which is right "
        "for one process and for ddp alone; use ddp, or leave it out"
    )


def _devices(value: Any) -> str | None:  # noqa: ANN401  (whatever a user typed)
    wrong = "is not allowed: give a number of devices >= 1, -1 or auto for all, or a list like [0]"
    if isinstance(value, list):
        return None if value and all(isinstance(k, int) and k >= 0 for k in value) else wrong
    if isinstance(value, int) and not isinstance(value, bool):
        return None if 1 <= value <= MOST or value == -1 else wrong
    text = str(value).strip()
    plain = [part for part in text.split(",") if part.strip()]
    numbers = plain and all(
        part.strip().lstrip("-").isdecimal() and int(part) <= MOST for part in plain
    )
    return None if text == "auto" or (numbers and text != "0") else wrong


def _limit(value: Any) -> str | None:  # noqa: ANN401  (whatever a user typed)
    if value is None or (isinstance(value, int) and value >= 0) or value in (0.0, 1.0):
        return None
    return "is not allowed: 0 leaves it out, 1.0 keeps it; a fraction of one event is nothing"


def _gradient_clip(value: Any) -> str | None:  # noqa: ANN401  (whatever a user typed)
    if value is None or value == 0:
        return None
    return (
        "is not allowed: two networks take turns here, and the papers do not clip gradients; "
        "leave it out"
    )


FIT_RULES: Mapping[str, Refusal] = {
    "max_steps": _whole(1, "give the number of generator updates"),
    "val_check_interval": _whole(
        1,
        "give the number of generator updates between two validations (to train without, "
        "--trainer.limit_val_batches 0)",
    ),
    "max_epochs": _always(-1, None)(
        "is not allowed: the whole run is one epoch; its length is --trainer.max_steps"
    ),
    "min_epochs": _always(None)(
        "is not allowed: the whole run is one epoch; its length is --trainer.max_steps"
    ),
    "min_steps": _always(None)("is not allowed: a run makes --trainer.max_steps, no more or less"),
    "check_val_every_n_epoch": _always(None)(
        "is not allowed: validations are --trainer.val_check_interval updates apart"
    ),
    "limit_train_batches": _always(1.0, None)(
        "is not allowed: it would stop the run early; set --trainer.max_steps"
    ),
    "overfit_batches": _always(0, 0.0)(
        "is not allowed: batches are drawn by position; train on a folder of few images instead"
    ),
    "fast_dev_run": _always(False, 0)(
        "is not allowed: it would leave no checkpoint; for a trial, --trainer.max_steps 10 does all"
    ),
    "accumulate_grad_batches": _always(1)(
        "is not allowed: every update uses its own batch; raise --data.batch_size"
    ),
    "gradient_clip_val": _gradient_clip,
    "gradient_clip_algorithm": _always(None)("is not allowed: gradients are not clipped"),
    "reload_dataloaders_every_n_epochs": _always(0)("is not allowed: the whole run is one epoch"),
    "enable_checkpointing": _always(True, None)(
        "is not allowed: a run is what its checkpoints hold; --checkpoints.every_n_steps 0 saves "
        "one, at the end"
    ),
    "log_every_n_steps": _whole(1, "give the number of generator updates between two rows"),
}
"""What only training asks for."""

RULES: Mapping[str, Refusal] = {
    "strategy": _strategy,
    "devices": _devices,
    "num_nodes": _whole(1, "give the number of machines", most=MOST),
    "barebones": _always(False)("is not allowed: it would switch off checkpoints and scores"),
    "limit_val_batches": _limit,
    "limit_test_batches": _limit,
    "sync_batchnorm": _always(False)(
        "is not allowed: batch statistics are those of each process, as in the papers"
    ),
    "num_sanity_val_steps": _whole(-1, "give 0", none=True),
    "use_distributed_sampler": _always(False)(
        "is not allowed: the data address their batches themselves"
    ),
}
"""What every command asks for."""
