"""Which checkpoint is kept as the best."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lightning import cli
from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.scores.record import Result
from gan_lightning.scores.scoring import Judge
from tests.callbacks import runs
from tests.conftest import Gan

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.runs,
    pytest.mark.filterwarnings(
        "ignore:.*does not have many workers",
        "ignore:.*number of training batches",
        "ignore:.*LeafSpec",  # lightning, of torch
        "ignore:.*cannot be pickled",
    ),
]


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("digits_fid")]


def test_the_best_checkpoint_is_that_of_the_lowest_fid(tmp_path: Path) -> None:
    whole = runs.fit(tmp_path, [runs.evaluation()])
    best = min(rows(tmp_path), key=lambda row: float(row["digits_fid"]))
    note = json.loads((tmp_path / "checkpoints" / "best.json").read_text())
    assert note["name"] == "digits_fid"
    assert (note["step"], note["score"]) == (int(best["step"]), float(best["digits_fid"]))
    path = tmp_path / "checkpoints" / "best.ckpt"
    assert torch.load(path, weights_only=True)["global_step"] == note["step"]
    assert equal(whole, runs.fit(tmp_path / "again", [runs.evaluation()], path))


def test_a_later_but_worse_checkpoint_is_not_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fids = iter([5.0, 3.0, 4.0])
    score = Judge.score

    def prescribed(*args: Any, **kwargs: Any) -> Result:
        result = score(*args, **kwargs)
        return replace(result, scores={**result.scores, "digits_fid": next(fids)})

    monkeypatch.setattr(Judge, "score", prescribed)
    runs.fit(tmp_path, [runs.evaluation()])
    note = json.loads((tmp_path / "checkpoints" / "best.json").read_text())
    assert note == {"step": 4, "name": "digits_fid", "score": 3.0}
    checkpoint = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 4


def test_a_resumed_run_does_not_replace_a_better_checkpoint(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation()], max_steps=4)
    note = tmp_path / "checkpoints" / "best.json"
    note.write_text(json.dumps({"step": 4, "name": "digits_fid", "score": 0.0}))
    runs.fit(tmp_path, [runs.evaluation()], tmp_path / "checkpoints" / "last.ckpt")
    assert json.loads(note.read_text())["score"] == 0.0
    runs.fit(tmp_path, [runs.evaluation()])
    assert json.loads(note.read_text())["score"] > 0


def test_with_a_moving_average_the_best_checkpoint_is_that_of_its_own_fid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fids = iter([1.0, 9.0, 2.0, 7.0, 3.0, 8.0])  # the generator's, the average's, and so on
    score = Judge.score

    def prescribed(*args: Any, **kwargs: Any) -> Result:
        result = score(*args, **kwargs)
        name = next(name for name in result.scores if name.endswith("fid"))
        return replace(result, scores={**result.scores, name: next(fids)})

    monkeypatch.setattr(Judge, "score", prescribed)
    runs.fit(tmp_path, [runs.evaluation(), GeneratorAverage(0.9)])
    note = json.loads((tmp_path / "checkpoints" / "best.json").read_text())
    assert note == {"step": 4, "name": "ema_digits_fid", "score": 7.0}


def test_a_note_of_another_score_keeps_nothing_from_being_the_best(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation()], max_steps=4)
    note = tmp_path / "checkpoints" / "best.json"
    note.write_text(json.dumps({"step": 4, "name": "fid", "score": 0.0}))
    runs.fit(tmp_path, [runs.evaluation()], tmp_path / "checkpoints" / "last.ckpt")
    assert json.loads(note.read_text())["name"] == "digits_fid"


def test_the_best_checkpoint_can_be_named(gan: Gan, tmp_path: Path) -> None:
    gan()
    for subcommand in ("validate", "predict"):
        run = str(tmp_path / "run")
        command = cli.run([subcommand, "--run", run, "--ckpt_path", "best"])
        used = command.config[subcommand].ckpt_path
        assert Path(used) == tmp_path / "run" / "checkpoints" / "best.ckpt"
