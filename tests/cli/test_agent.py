"""Every form in which W&B's agent writes options is understood as the same options."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.cli.agent import as_options
from gan_lightning.cli.rehearsal import Rehearsal
from gan_lightning.cli.training import command
from gan_lightning.runs.signals import Signals
from tests.studies.agent import FORMS, VALUES, of_agent


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
