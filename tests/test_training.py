"""Whole runs: what is counted, what is left in the folder, what stops them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from PIL import Image

from gan_lightning import cli
from tests.conftest import Gan, last, rows


class Counter(Callback):
    """Notes global_step wherever Lightning passes by."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.validations: list[int] = []

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.batches.append(trainer.global_step)

    def on_validation_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.validations.append(trainer.global_step)


PLUGIN = "--trainer.plugins lightning.pytorch.plugins.MixedPrecision --trainer.plugins"
PRECISIONS = {
    "32-true": "",
    "bf16-mixed": "--trainer.precision bf16-mixed",
    # By name it is for GPUs; the plugin does the same, gradient scaler included, on the CPU.
    "16-mixed": f"{PLUGIN}.precision 16-mixed {PLUGIN.split()[-1]}.device cpu",
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n_dis", ["1", "3"])
def test_everything_counts_generator_updates(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_dis: str, precision: str
) -> None:
    counter = Counter()
    monkeypatch.setattr(cli.training, "SavePredictions", lambda: counter)
    precise = PRECISIONS[precision].split()
    command = gan("--model.n_dis", n_dis, *precise, "--checkpoints.keep_every_n_steps", "2")
    assert counter.batches == [1, 2, 3, 4, 5, 6]
    assert counter.validations == [4]
    assert command.trainer.global_step == 6
    run = tmp_path / "run"
    assert [row["step"] for row in rows(run)] == ["2", "4", "6"]
    kept = sorted(path.name for path in (run / "checkpoints").glob("step=*"))
    assert kept == ["step=00000002.ckpt", "step=00000004.ckpt", "step=00000006.ckpt"]
    assert last(run)["global_step"] == 6
    generator, discriminator = (o.state for o in command.trainer.optimizers)
    if precision != "16-mixed":  # whose scaler leaves out steps of overflowing gradients
        assert {int(s["step"]) for s in generator.values()} == {6}
        assert {int(s["step"]) for s in discriminator.values()} == {6 * int(n_dis)}


def test_what_a_run_leaves(gan: Gan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gan("--samples.every_n_steps", "3")
    run = tmp_path / "run"
    left = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert left == {
        ".lock",
        "config.yaml",
        "history.jsonl",
        "metrics.csv",
        "scores.jsonl",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "checkpoints/best.json",
        "samples/step=00000003.png",
        "samples/step=00000006.png",
    }
    assert np.asarray(Image.open(run / "samples" / "step=00000006.png")).std() > 0
    said = capsys.readouterr().out
    assert str(run) in said
    assert "--ckpt_path last" in said


def test_checkpoints_hold_no_metric_network_and_load_safely(gan: Gan, tmp_path: Path) -> None:
    gan()
    checkpoint = last(tmp_path / "run")
    state = checkpoint["state_dict"]
    assert isinstance(state, dict)
    assert {key.split(".")[0] for key in state} == {"generator", "discriminator"}
    assert any(key.endswith("weight.0.u0") for key in state)


@pytest.mark.parametrize("subcommand", ["validate", "test"])
def test_other_subcommands_leave_the_run_as_it_is(
    gan: Gan, tmp_path: Path, subcommand: str
) -> None:
    gan()
    run = tmp_path / "run"
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "scores.jsonl"]
    before = {path: path.read_bytes() for path in files}
    assert len(files) >= 6
    gan(subcommand=subcommand)
    assert {path: path.read_bytes() for path in files} == before
