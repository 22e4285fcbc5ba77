"""The one set of Trainer arguments that training rests on, for the command line and for Python."""

from __future__ import annotations

from typing import Any


def trainer_defaults(**changes: Any) -> dict[str, Any]:
    """Arguments of Lightning's Trainer: ``Trainer(**trainer_defaults(max_steps=10_000))``.

    Training steps are generator updates, the whole run is one epoch of positions, and the data
    address themselves; the Trainer's own defaults would end the run, or draw other images.

    Args:
        **changes: Arguments of the Trainer in place of these, or beside them.

    Returns:
        Keyword arguments; a new dictionary each time.

    >>> trainer_defaults(max_steps=10)["max_steps"], trainer_defaults()["max_steps"]
    (10, 100000)
    """
    defaults: dict[str, Any] = {
        "max_epochs": -1,
        "max_steps": 100_000,
        "devices": 1,  # more change the total batch, which the papers fix: ask for them
        "use_distributed_sampler": False,
        "check_val_every_n_epoch": None,
        "val_check_interval": 5_000,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 50,
        "enable_model_summary": False,
    }
    return {**defaults, **changes}
