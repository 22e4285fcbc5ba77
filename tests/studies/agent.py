"""The words that W&B's own agent puts for its macros."""

from __future__ import annotations

from typing import Any

from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

VALUES: dict[str, Any] = {
    "model.norm": {"class_path": "ssn", "init_args": {"scale": 1.25}},
    "model.n_dis": 3,
    "model.generator_optimizer.init_args.lr": 1e-05,
    "model.generator_optimizer.init_args.betas": [0.5, 0.9],
    "trainer.logger": None,
    "evaluation.cache": None,
    "evaluation.best": True,
    "data.root": "a=b",
    "seed_everything": 7,
}


FORMS = (
    *("args", "args_no_hyphens", "args_no_equals", "args_no_boolean_flags", "args_json"),
    *("args_append_hydra", "args_override_hydra"),
)


def of_agent(form: str, values: dict[str, Any]) -> list[str]:
    """The words that W&B's agent puts for a macro."""
    made = create_sweep_command_args({"args": {k: {"value": v} for k, v in values.items()}})
    words: list[str] = made[form]
    return words
