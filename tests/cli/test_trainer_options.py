"""Options of the Trainer: those that a GAN can use pass, the others are refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from lightning.pytorch import Trainer

from gan_lightning import trainer_defaults
from gan_lightning.cli.trainer_options import FIT_RULES, MOST, RULES, blamed, check
from gan_lightning.cli.training import BUILDERS
from gan_lightning.errors import UserError, one_line

LOOKS = ("validate", "test", "predict")


class Named:
    """What a parser makes of a class that was named."""

    class_path = "lightning.pytorch.strategies.DDPStrategy"


RIGHT: dict[str, list[Any]] = {
    "max_steps": [1, 10**9],
    "val_check_interval": [1, 5000],
    "max_epochs": [-1, None],
    "min_epochs": [None],
    "min_steps": [None],
    "check_val_every_n_epoch": [None],
    "limit_train_batches": [1.0, None],
    "overfit_batches": [0, 0.0],
    "fast_dev_run": [False],
    "accumulate_grad_batches": [1],
    "gradient_clip_val": [None, 0, 0.0],
    "gradient_clip_algorithm": [None],
    "reload_dataloaders_every_n_epochs": [0],
    "enable_checkpointing": [True, None],
    "log_every_n_steps": [1, 50],
    "strategy": ["auto", "ddp", Named()],
    "devices": [1, MOST, -1, "auto", "2", "-1", "0,1", "1,", [0], [2, 0], " 3 "],
    "num_nodes": [1, MOST],
    "barebones": [False],
    "limit_val_batches": [None, 0, 1, 7, 0.0, 1.0],
    "limit_test_batches": [None, 0, 1.0],
    "sync_batchnorm": [False],
    "num_sanity_val_steps": [None, -1, 0, 2],
    "use_distributed_sampler": [False],
}
WRONG: dict[str, list[Any]] = {
    "max_steps": [0, -1, 1.5, True, None, "x"],
    "val_check_interval": [0, -1, 0.5, 1.0, True, None],
    "max_epochs": [0, 1],
    "min_epochs": [0, 1],
    "min_steps": [0, 5],
    "check_val_every_n_epoch": [1],
    "limit_train_batches": [0, 0.5, 10],
    "overfit_batches": [1, 0.5],
    "fast_dev_run": [True, 3],
    "accumulate_grad_batches": [2],
    "gradient_clip_val": [1, 0.5],
    "gradient_clip_algorithm": ["norm"],
    "reload_dataloaders_every_n_epochs": [1],
    "enable_checkpointing": [False],
    "log_every_n_steps": [0, -1, None, True],
    "strategy": ["fsdp", "deepspeed", "ddp_spawn", "my.ddp_strategy"],
    "devices": [0, -2, MOST + 1, True, [], [-1], ["x"], "0", "x", "", ",", f"{MOST + 1}"],
    "num_nodes": [0, -1, MOST + 1, True, None],
    "barebones": [True],
    "limit_val_batches": [-1, 0.5, 1.5],
    "limit_test_batches": [-1, 0.5],
    "sync_batchnorm": [True],
    "num_sanity_val_steps": [-2, 0.5, True],
    "use_distributed_sampler": [True],
}


def test_every_rule_is_tried_both_ways() -> None:
    assert RIGHT.keys() == WRONG.keys() == {*RULES, *FIT_RULES}


@pytest.mark.parametrize("name", RIGHT)
def test_what_makes_sense_passes(name: str) -> None:
    for value in RIGHT[name]:
        check(trainer_defaults(**{name: value}), "fit")


@pytest.mark.parametrize("name", WRONG)
def test_the_rest_is_refused_by_option_value_and_reason(name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises(UserError) as error:
            check(trainer_defaults(**{name: value}), "fit")
        said = str(error.value)
        assert error.value.argument == f"trainer.{name}", value
        shown = value if isinstance(value, list) else str(value)
        assert said.startswith(f"trainer.{name} {shown} is not allowed: ".replace("'", "")), said
        assert "\n" not in said


@pytest.mark.parametrize("name", WRONG)
def test_what_only_training_uses_is_no_mistake_elsewhere(name: str) -> None:
    for command in LOOKS:
        for value in WRONG[name]:
            if name in FIT_RULES:
                check({name: value}, command)
            else:
                with pytest.raises(UserError, match=f"trainer.{name} "):
                    check({name: value}, command)


def test_what_is_not_given_is_not_looked_at() -> None:
    check({}, "fit")
    check({"precision": "nonsense", "max_time": 5}, "fit")


def test_a_class_is_shown_by_its_path_and_an_object_by_its_class() -> None:
    strategy = Named()
    strategy.class_path = "some.Other"
    with pytest.raises(UserError, match=r"^trainer\.strategy some\.Other is not allowed"):
        check({"strategy": strategy}, "fit")
    with pytest.raises(UserError, match=r"^trainer\.strategy object is not allowed"):
        check({"strategy": object()}, "fit")


@pytest.mark.parametrize(
    ("refusal", "given", "named"),
    [
        ("`profiler` must be a Profiler", {"profiler": "x", "max_time": "y"}, "profiler x"),
        ("'12:x' is no duration", {"profiler": "y", "max_time": "12:x"}, "max_time 12:x"),
        ("of max_time and profiler, x", {"max_time": "y"}, "max_time y"),
        ("wrong: [object]", {"callbacks": [object()]}, ""),
        ("the callbacks are wrong", {"callbacks": [object(), 3]}, "callbacks [object, 3]"),
        ("devices is 1", {"devices": 1}, ""),  # the default, which nobody gave
        ("my_profiler_x failed", {"profiler": "x"}, ""),
        ("mine is no option", {"mine": "x"}, ""),  # not the Trainer's
    ],
)
def test_a_refusal_of_the_trainer_is_blamed_on_what_it_names(
    refusal: str, given: dict[str, Any], named: str
) -> None:
    """By the option's name before its value; and on none of those that were left as they are."""
    assert blamed(refusal, trainer_defaults(**given)) == (
        f"--trainer.{named}" if named else "--trainer"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accelerator", "abacus"),
        ("max_time", "12:x"),
        ("precision", "17-mixed"),
        ("profiler", "guess"),
    ],
)
def test_what_the_trainer_of_today_says_names_an_option_or_its_value(name: str, value: str) -> None:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    given: dict[str, Any] = {**quiet, "accelerator": "cpu", name: value}
    with pytest.raises(BUILDERS) as error:
        Trainer(**given)
    options = trainer_defaults(**{name: value}, gradient_clip_algorithm="another")
    assert blamed(one_line(error.value), options) == f"--trainer.{name} {value}"
