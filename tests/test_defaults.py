"""The Trainer's arguments: what is asked for wins, and all else is what training rests on."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from lightning.pytorch import Trainer

from gan_lightning import trainer_defaults
from gan_lightning.cli.trainer_options import check


def test_every_default_is_an_argument_of_the_trainer() -> None:
    assert trainer_defaults().keys() <= inspect.signature(Trainer).parameters.keys()


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_no_default_is_one_that_the_command_line_refuses(command: str) -> None:
    check(trainer_defaults(), command)


@pytest.mark.parametrize("name", trainer_defaults())
def test_a_change_wins_and_touches_nothing_else(name: str) -> None:
    changed = trainer_defaults(**{name: "mine"})
    assert changed.pop(name) == "mine"
    assert changed == {key: value for key, value in trainer_defaults().items() if key != name}


def test_what_has_no_default_stands_beside_them() -> None:
    assert trainer_defaults(precision="bf16-mixed") == {
        **trainer_defaults(),
        "precision": "bf16-mixed",
    }


def test_each_call_gives_a_dictionary_of_its_own() -> None:
    trainer_defaults()["max_steps"] = 1
    trainer_defaults().clear()
    assert trainer_defaults() == trainer_defaults()
    assert trainer_defaults()["max_steps"] > 1


def test_the_whole_run_is_one_epoch_of_updates(tmp_path: Path) -> None:
    """Lightning's own defaults would end it after so many epochs, or count validations in them."""
    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    arguments = trainer_defaults(max_steps=7, default_root_dir=tmp_path, **quiet)
    trainer = Trainer(**arguments, enable_progress_bar=False)
    assert (trainer.max_steps, trainer.max_epochs) == (7, -1)
    assert trainer.check_val_every_n_epoch is None
    assert isinstance(trainer.val_check_interval, int)
    assert trainer.world_size == 1
    assert trainer.num_sanity_val_steps == 0
