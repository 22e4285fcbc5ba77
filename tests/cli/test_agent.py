"""Every form in which W&B's agent writes options is understood as the same options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from gan_lightning.cli.agent import as_options
from gan_lightning.cli.rehearsal import Rehearsal
from gan_lightning.cli.training import command
from gan_lightning.runs.signals import Signals
from gan_lightning.studies.commands import argument_forms

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


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_options(form: str, tmp_path: Path) -> None:
    words = ["fit", "--config", "configs/cifar10.yaml", *of_agent(form, VALUES)]
    words = as_options([*words, f"--run={tmp_path}"])
    options = command(Signals(), words, Rehearsal).config.fit
    assert options.model.norm.class_path == "gan_lightning.normalization.ssn"
    assert options.model.norm.init_args.scale == 1.25
    assert options.model.n_dis == 3
    assert options.model.generator_optimizer.init_args.lr == 1e-5
    assert list(options.model.generator_optimizer.init_args.betas) == [0.5, 0.9]
    assert options.trainer.logger is None
    assert options.evaluation.cache is None
    assert options.evaluation.best is True
    assert options.data.init_args.root == "a=b"
    assert options.seed_everything == 7


def test_a_value_may_look_like_an_option() -> None:
    assert as_options(["--data.root", "a=b", "--run=c=d"]) == ["--data.root", "a=b", "--run=c=d"]
    assert as_options(["--config", "{a.yaml}"]) == ["--config", "{a.yaml}"]


def test_a_word_of_no_form_stays() -> None:
    """It is the parser's to refuse."""
    assert as_options(["fit", "--a=1", "oops", "{oops"]) == ["fit", "--a=1", "oops", "{oops"]


@pytest.mark.parametrize("values", [VALUES, {}, {"a": False, "b": "text with spaces"}])
def test_the_forms_made_here_are_the_agents(values: dict[str, Any]) -> None:
    own = argument_forms(values)
    assert own.keys() == set(FORMS)
    for form in FORMS:
        assert own[form] == of_agent(form, values)


def test_the_agents_command_has_no_other_macro() -> None:
    """A new wandb may bring forms that are not known here."""
    made = create_sweep_command_args({"args": {}})
    assert made.keys() - {"args_dict"} == set(FORMS)
    assert create_sweep_command(["gan", "fit", "${args}"]) == ["gan", "fit", "${args}"]
