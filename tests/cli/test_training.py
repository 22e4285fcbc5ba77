"""``gan fit`` and its like: what is linked, what is refused first, and who keeps the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan_lightning import cli
from gan_lightning.cli.arguments import SUBCOMMANDS
from gan_lightning.cli.rehearsal import Rehearsal
from gan_lightning.cli.training import command
from gan_lightning.errors import UserError
from gan_lightning.runs.signals import Signals
from tests.conftest import Gan, rows

DATA = ["--data=digits"]


def options(*words: str, subcommand: str = "fit") -> Any:  # noqa: ANN401  (as they were parsed)
    """The options of a command that is parsed and not run."""
    made = command(Signals(), [subcommand, *DATA, *words], Rehearsal)
    return made.config[subcommand]


@pytest.mark.runs
def test_there_is_one_seed_and_one_folder() -> None:
    found = options("--seed_everything=5", "--run=mine")
    assert found.model.seed == found.data.init_args.seed == found.seed_everything == 5
    assert found.trainer.default_root_dir == found.run == "mine"


@pytest.mark.runs
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_one_of_all_libraries(seed: int) -> None:
    assert options(f"--seed_everything={2**32 - 1}").seed_everything == 2**32 - 1
    with pytest.raises(UserError, match=rf"^seed_everything {seed} is not allowed: seeds are int"):
        options(f"--seed_everything={seed}")


@pytest.mark.runs
@pytest.mark.parametrize("subcommand", sorted({*SUBCOMMANDS} - {"fit"}))
def test_what_looks_at_a_network_needs_one(subcommand: str) -> None:
    with pytest.raises(UserError, match=rf"^gan {subcommand} looks at a trained network: .*--run"):
        options(subcommand=subcommand)


@pytest.mark.runs
def test_training_alone_is_held_to_the_rules_of_training(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.touch()
    with pytest.raises(UserError, match=r"^trainer\.max_steps -3 is not allowed"):
        options("--trainer.max_steps=-3")
    with pytest.raises(UserError, match=r"^trainer\.devices 0 is not allowed"):
        options("--trainer.devices=0")


@pytest.mark.runs
def test_no_option_says_how_a_checkpoint_is_read() -> None:
    with pytest.raises(UserError, match="weights_only is not an option"):
        options("--weights_only=false")


@pytest.mark.parametrize("words", [[], ["fitt"], ["--data=digits"]])
def test_a_subcommand_that_is_none_is_refused(words: list[str]) -> None:
    first = repr(words[0]) if words else "''"
    with pytest.raises(UserError, match=f"^{first} is not one of {', '.join(SUBCOMMANDS)}$"):
        command(Signals(), words, Rehearsal)


def test_a_run_without_loggers_has_none(gan: Gan, tmp_path: Path) -> None:
    made = gan("--trainer.logger=false", "--trainer.max_steps=2", "--trainer.limit_val_batches=0")
    assert made.trainer.loggers == []
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_what_only_looks_at_a_run_logs_nothing_in_it(gan: Gan, tmp_path: Path) -> None:
    logger = "--trainer.logger=CSVLogger", f"--trainer.logger.save_dir={tmp_path / 'theirs'}"
    gan("--trainer.max_steps=2", "--trainer.limit_val_batches=0")
    gan(*logger, "--ckpt_path=last", "--data.num_predict=2", subcommand="predict")
    assert not (tmp_path / "theirs").exists()


def test_at_the_end_it_is_said_what_there_is(
    gan: Gan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gan("--trainer.max_steps=2", "--trainer.limit_val_batches=0")
    said = capsys.readouterr().out
    assert "Done: 2 generator updates" in said
    for place in ("config.yaml", "metrics.csv", "checkpoints/last.ckpt"):
        assert place in said
        assert (tmp_path / "run" / place).exists()
    assert f"--run {tmp_path / 'run'} --ckpt_path last" in said


def test_user_loggers_come_beside_the_csv(gan: Gan, tmp_path: Path) -> None:
    logger = "lightning.pytorch.loggers.CSVLogger"
    extra = ["--trainer.logger", logger, "--trainer.logger.save_dir", str(tmp_path / "theirs")]
    command = gan(*extra)
    assert [type(x).__name__ for x in command.trainer.loggers] == ["MetricsCSV", "CSVLogger"]
    assert rows(tmp_path / "run")


def test_options_before_the_subcommand_are_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="options follow the subcommand"):
        cli.run(["--config", str(tiny), "fit"])


def test_the_default_folder_is_named_after_config_and_time(
    tiny: Path, tmp_path: Path, parsed: Gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = cli.run(["fit", "--config", str(tiny)])
    assert Path(command.config.fit.run).parent == Path("runs")
    assert Path(command.config.fit.run).name.startswith("tiny-2")
