"""The words of a run's command, as W&B's agent puts them together, without W&B."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from gan_lightning.errors import UserError
from gan_lightning.studies.commands import argument_forms, started, words
from tests.studies.agent import FORMS, VALUES, of_agent


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


def test_a_macro_stands_for_the_runs_values_and_other_words_stay() -> None:
    command = ["gan", "fit", "--config", "configs/digits.yaml", "${args}", "--x=1"]
    assert words(command, {"model.n_dis": 2, "a": None}, ["--last=1"]) == [
        *("gan", "fit", "--config", "configs/digits.yaml"),
        *("--model.n_dis=2", "--a=None", "--x=1", "--last=1"),
    ]
    assert words(["gan", "fit", "${args}"], {}) == ["gan", "fit"]
    assert words(["gan", "fit"], {"a": 1}) == ["gan", "fit"]


@pytest.mark.parametrize("form", FORMS)
def test_every_macro_stands_for_its_form(form: str) -> None:
    assert words(["gan", f"${{{form}}}", "end"], VALUES) == ["gan", *of_agent(form, VALUES), "end"]


@pytest.mark.parametrize("word", ["${env}", "${args", "${}", "${ARGS}"])
def test_a_macro_that_is_not_known_is_refused_with_all_that_are(word: str) -> None:
    with pytest.raises(UserError) as caught:
        words(["gan", "fit", word], {"a": 1})
    known = ", ".join(f"${{{form}}}" for form in argument_forms({}))
    assert str(caught.value) == f"command has {word}, which is not known here; known: {known}"


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (["--config", "configs/wandb.yaml"], []),
        (["-c", "wandb.yml"], []),
        (["--config=configs/wandb.yaml"], []),
        (["--config", "a.yaml", "--config", "configs/wandb.yaml"], ["--config", "a.yaml"]),
        (["--config", "wandb.yaml", "--config=b.yaml"], ["--config=b.yaml"]),
        (["--config", "my-wandb.yaml"], ["--config", "my-wandb.yaml"]),
        (["--out", "wandb.yaml"], ["--out", "wandb.yaml"]),
        (["wandb"], ["wandb"]),
    ],
)
def test_a_run_of_a_study_goes_without_wandb(command: list[str], left: list[str]) -> None:
    """Which asks for an account; nothing else of the command goes with it."""
    assert words(["gan", "fit", *command, "--a=1"], {}) == ["gan", "fit", *left, "--a=1"]


def test_a_run_is_begun_in_its_folder_or_goes_on_from_its_last_checkpoint() -> None:
    """By this Python, whatever ``gan`` is on the path; no option can lead it elsewhere."""
    assert started(["gan", "fit", "--a=1", "--run=elsewhere"], Path("study/x")) == [
        *(sys.executable, "-m", "gan_lightning.cli", "fit"),
        "--trainer.enable_progress_bar=false",
        *("--a=1", "--run=elsewhere", "--run=study/x", "--ckpt_path=last"),
    ]
