"""The folder of a run: whose it is, which one is meant, and that others stay as they are."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gan_lightning import cli
from gan_lightning.cli.arguments import holds_run, option, with_run_folder
from gan_lightning.errors import UserError
from gan_lightning.runs.lock import run_locked
from tests.conftest import Gan, last, rows


def content(folder: Path) -> dict[Path, bytes]:
    """Every byte of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_of_one_second_are_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: "now")
    folders = [with_run_folder(["fit", "--config", "a/digits.yaml"])[-1] for _ in range(3)]
    assert folders == [f"--run=runs/digits-now{end}" for end in ("", "-2", "-3")]
    assert with_run_folder(["predict"])[-1] == "--run=runs/gan-now"  # makes none
    assert len(list((tmp_path / "runs").iterdir())) == 3


@pytest.mark.runs
def test_processes_at_once_claim_folders_of_their_own(tmp_path: Path) -> None:
    """The file system decides, not a look at it before."""
    code = (
        "from gan_lightning.cli import arguments; import sys;"
        "arguments.time.strftime = lambda form: 'now'; sys.stdin.read(1);"
        "[print(arguments.with_run_folder(['fit'])[-1]) for _ in range(50)]"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate("go", timeout=100)[0].split() for process in running]
    assert len({*said[0], *said[1]}) == 100


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "SLURM_NTASKS"])
def test_processes_started_from_outside_must_be_told_the_folder(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "2")
    with pytest.raises(UserError, match="--run is needed where several processes"):
        with_run_folder(["fit"])
    assert with_run_folder(["fit", "--run", "x"]) == ["fit", "--run=x"]


@pytest.mark.parametrize("first", [True, False], ids=["--run first", "--config first"])
def test_the_command_line_wins_over_the_run_of_a_config(
    gan: Gan, tmp_path: Path, first: bool
) -> None:
    gan(folder="old")
    before = content(tmp_path / "old")
    run = ["--run", str(tmp_path / "new")]
    config = ["--config", str(tmp_path / "old" / "config.yaml")]
    command = cli.run(["fit", *(run + config if first else config + run)])
    assert command.config.fit.run == command.trainer.default_root_dir == str(tmp_path / "new")
    assert content(tmp_path / "old") == before
    assert rows(tmp_path / "new") == rows(tmp_path / "old")


@pytest.mark.parametrize("form", [["--run=~/x"], ["--run", "~/x"]])
def test_home_is_expanded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert with_run_folder(["fit", *form]) == ["fit", f"--run={tmp_path / 'x'}"]


def test_a_file_is_no_folder(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"--run .*tiny\.yaml is a file; give the folder"):
        cli.run(["fit", "--config", str(tiny), "--run", str(tiny)])


@pytest.mark.parametrize(
    "options",
    [
        ["--model.norm", "sn"],
        ["--seed_everything", "7"],
        ["--trainer.max_steps", "3"],
        ["--model.cuda_graph", "on", "--trainer.max_steps", "9"],
        ["--model.generator_optimizer", "torch.optim.SGD"],
    ],
    ids=lambda options: options[0],
)
def test_a_refused_resume_leaves_every_byte(gan: Gan, tmp_path: Path, options: list[str]) -> None:
    gan()
    run = tmp_path / "run"
    (run / "metrics.csv").write_text((run / "metrics.csv").read_text() + "8,1.0,1.0\n")
    before = content(run)
    with pytest.raises(UserError):
        cli.run(["fit", "--run", str(run), "--ckpt_path", "last", *options])
    assert content(run) == before


def test_a_run_in_use_is_refused_and_left_alone(gan: Gan, tmp_path: Path) -> None:
    gan()
    run = tmp_path / "run"
    with run_locked(run):
        before = content(run)
        with pytest.raises(UserError, match="is being trained by process"):
            cli.run(["fit", "--run", str(run), "--ckpt_path", "last", "--trainer.max_steps", "9"])
        assert content(run) == before
        gan(subcommand="validate")  # looking is allowed


def test_without_a_checkpoint_last_starts_afresh_and_says_so(
    gan: Gan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gan(folder="whole")
    caplog.clear()
    caplog.set_level("INFO")
    gan("--ckpt_path", "last")
    assert "holds no checkpoint yet, so training starts anew" in caplog.text
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_killed_before_the_first_checkpoint_last_starts_afresh(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the killed run wrote is there, its options included, and goes."""
    gan(folder="whole")
    with monkeypatch.context() as patch:
        patch.setattr("gan_lightning.callbacks.checkpoints.save_checkpoint", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gan()
    run = tmp_path / "run"
    assert rows(run)
    cli.run(["fit", "--run", str(run), "--ckpt_path", "last"])
    for name in ("metrics.csv", "scores.jsonl"):
        assert (run / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_mistake_leaves_no_empty_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        cli.run(["fit", "--config", str(tiny), "--model.n_dis", "0"])
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_damaged_last_checkpoint_falls_back_to_the_newest_whole_one(
    gan: Gan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gan(folder="whole")
    gan("--checkpoints.keep_every_n_steps", "1", "--evaluation.best", "false")
    run = tmp_path / "run"
    for name in ("last", "step=00000006"):
        (run / "checkpoints" / f"{name}.ckpt").write_bytes(b"PK")
    caplog.set_level("INFO")
    cli.run(["fit", "--run", str(run), "--ckpt_path", "last"])
    assert "last.ckpt is damaged" in caplog.text
    assert "going on from" in caplog.text
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    starts = [line["iteration"] for line in history if "ended" not in line]
    assert starts == [0, 5]
    assert [line["ended"] for line in history if "ended" in line] == ["finished", "finished"]
    assert last(run)["global_step"] == 6
    assert rows(run) == rows(tmp_path / "whole")


def test_of_an_option_that_stands_twice_the_last_counts() -> None:
    for words in (["--run", "a", "--run=b"], ["--run=a", "--x", "1", "--run", "b"]):
        assert option(words, "--run") == "b"
    assert option(["-c", "a", "--config", "b"], "--config", "-c") == "b"
    assert option(["--runs", "a", "--run"], "--run") is None


def test_a_run_brings_its_config_only_where_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed_everything: 1\n")
    run, go_on = f"--run={tmp_path}", "--ckpt_path=x.ckpt"
    own = f"--config={tmp_path / 'config.yaml'}"
    for subcommand in ("fit", "predict"):
        assert with_run_folder([subcommand, run, go_on]) == [subcommand, own, go_on, run]
        for other in (["--config=mine.yaml"], ["-c", "mine.yaml"]):
            words = [subcommand, run, go_on, *other]
            assert with_run_folder(words) == [subcommand, go_on, *other, run]


def test_what_makes_a_folder_a_run(tmp_path: Path) -> None:
    assert not holds_run(tmp_path)
    assert not holds_run(tmp_path / "none")
    (tmp_path / "checkpoints").mkdir()
    assert not holds_run(tmp_path)
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert holds_run(tmp_path)
    (tmp_path / "checkpoints" / "last.ckpt").unlink()
    (tmp_path / "config.yaml").touch()
    assert holds_run(tmp_path)
