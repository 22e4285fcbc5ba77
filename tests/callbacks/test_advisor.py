"""The advisor: silent on what is healthy, right on what was broken on purpose."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gan_lightning import cli
from gan_lightning.callbacks.advisor import Advisor, Signs, advice
from gan_lightning.errors import UserError
from tests.conftest import ROOT, Gan, last, same

HEALTHY = Signs(gradient=10.0, slope=0.6, diversity=0.9, most=1.0)


def kinds(**changes: float) -> list[str]:
    signs = Signs(**{**vars(HEALTHY), **changes})
    return [kind for kind, said in Advisor().complaints(signs).items() if said]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"gradient": 160.0}, []),
        ({"gradient": 0.2}, []),
        ({"gradient": 0.01}, ["vanishing"]),
        ({"gradient": 0.0, "slope": 0.0}, ["saturated"]),  # not the weights' fault
        ({"gradient": 1e4}, ["exploding"]),
        ({"gradient": float("nan")}, ["exploding"]),
        ({"diversity": 0.2}, ["collapse"]),
        ({"diversity": 0.2, "most": 0.55}, []),  # it has not fallen far
        ({"diversity": 0.02, "most": 0.3}, []),  # of an untrained generator
        ({"gradient": 0.01, "diversity": 0.0}, ["vanishing", "collapse"]),
    ],
)
def test_signs_and_what_they_mean(changes: dict[str, float], expected: list[str]) -> None:
    assert kinds(**changes) == expected


def test_thresholds_are_the_users() -> None:
    mine = Advisor(vanishing=20.0, exploding=30.0, saturated=0.7, collapsed=1.0)
    said = mine.complaints(HEALTHY)
    assert [kind for kind in said if said[kind]] == ["saturated", "collapse"]
    assert "below 0.7" in said["saturated"]
    with pytest.raises(UserError, match=r"vanishing must be >= 0 and < `exploding`, got 5"):
        Advisor(vanishing=5.0, exploding=1.0)


def test_it_is_said_once_and_written(
    gan: Gan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Scale 0.3 at three looks and after a resumption: one line, at the second look."""
    weak = ["--model.norm", "ssn", "--model.norm.scale", "0.3", "--advisor.every_n_steps", "1"]
    with caplog.at_level(logging.WARNING, "gan_lightning"):
        gan(*weak, "--trainer.max_steps", "3", "--trainer.val_check_interval", "3")
        gan(*weak, "--ckpt_path", "last")
    (line,) = advice(tmp_path / "run")
    assert (line["step"], line["kind"]) == (1, "vanishing")
    assert 0 < line["gradient"] < 0.03
    (record,) = [r for r in caplog.records if "Advice" in r.getMessage()]
    assert record.getMessage() == f"Advice after iteration 1: {line['advice']}."
    assert "\n" not in record.getMessage()


def test_training_does_not_notice_and_zero_switches_it_off(gan: Gan, tmp_path: Path) -> None:
    quiet = ["--trainer.limit_val_batches", "0", "--trainer.val_check_interval", "6"]
    strong = ["--model.norm", "ssn", "--model.norm.scale", "9"]
    for every in ("0", "1"):
        gan(*quiet, *strong, "--advisor.every_n_steps", every, folder=every)
    for key in ("state_dict", "optimizer_states"):
        assert same(last(tmp_path / "0")[key], last(tmp_path / "1")[key])
    assert advice(tmp_path / "0") == []
    assert advice(tmp_path / "1")[0]["kind"] == "exploding"
    assert advice(tmp_path / "1")[0]["step"] == 0


FAILURES = {
    "gradients vanish at a small scale": (
        "vanishing",
        "--model.norm ssn --model.norm.scale 0.3 --trainer.max_steps 100",
    ),
    "gradients vanish without a norm": (
        "vanishing",
        "--model.norm none --model.objective wasserstein --model.generator_optimizer.lr 5e-3 "
        "--trainer.max_steps 80",
    ),
    "gradients explode at a large scale": (
        "exploding",
        "--model.norm ssn --model.norm.scale 4 --trainer.max_steps 20",
    ),
    "a discriminator that learns 300 times faster": (
        "saturated",
        "--model.norm none --model.discriminator_optimizer.lr 3e-3 "
        "--model.generator_optimizer.lr 1e-5",
    ),
    "a generator that learns 200 times faster": (
        "collapse",
        "--model.norm bssn --model.norm.scale 1.4 --model.discriminator_optimizer.lr 1e-4 "
        "--model.generator_optimizer.lr 2e-2 --trainer.max_steps 400",
    ),
}


def fit(config: str, folder: Path, options: str) -> list[str]:
    start = ["fit", "--config", str(ROOT / "configs" / config), "--run", str(folder)]
    start += ["--trainer.limit_val_batches", "0", "--trainer.enable_progress_bar", "false"]
    start += ["--diagnostics.of", "[]", "--trainer.val_check_interval", "1000"]
    cli.run([*start, *options.split()])
    return [line["kind"] for line in advice(folder)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("failure", FAILURES)
def test_provoked_failures_are_recognized(tmp_path: Path, failure: str) -> None:
    kind, options = FAILURES[failure]
    options = f"--trainer.max_steps 200 --advisor.every_n_steps 20 {options}"
    assert fit("digits_gradients.yaml", tmp_path / "run", options) == [kind]


@pytest.mark.exhaustive
@pytest.mark.parametrize("config", ["digits.yaml", "digits_conditional.yaml"])
def test_it_is_silent_on_the_demos(tmp_path: Path, config: str) -> None:
    assert fit(config, tmp_path / "run", "") == []
