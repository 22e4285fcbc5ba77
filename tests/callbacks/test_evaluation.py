"""Evaluation does not touch training, and says what it measured in the right places."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from gan_lightning import cli
from gan_lightning.callbacks.comparison import Row, table
from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import classifier
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.inception import inception
from gan_lightning.scores.kid import kid
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.scores.protocol import paper
from gan_lightning.scores.record import Result
from gan_lightning.scores.scoring import Judge
from tests.callbacks import runs
from tests.conftest import Gan

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*number of training batches",
    "ignore:.*LeafSpec",  # lightning, of torch
    "ignore:.*cannot be pickled",
)


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("digits_fid")]


def results(folder: Path) -> list[dict[str, float | str]]:
    return [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]


def test_training_is_bit_identical_with_and_without_evaluation(tmp_path: Path) -> None:
    alone = runs.fit(tmp_path / "alone", [])
    state = torch.random.get_rng_state()
    metrics = [precision_recall(count=100)]
    judged = runs.fit(
        tmp_path / "judged", [runs.evaluation(metrics=metrics, compare=True), GeneratorAverage(0.9)]
    )
    assert equal(alone, judged)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("compare", [True, False])
def test_training_without_scores_needs_nothing_of_them(tmp_path: Path, compare: bool) -> None:
    absent = Evaluation(extractor=classifier(str(tmp_path / "nowhere")), compare=compare)
    runs.fit(tmp_path, [absent], limit_val_batches=0)
    assert not rows(tmp_path)


def test_every_validation_is_a_row_with_scores_and_counts(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation()])
    got = rows(tmp_path)
    assert [int(row["step"]) for row in got] == [2, 4, 6]
    assert len({row["digits_fid"] for row in got}) == 3
    for row in got:
        assert float(row["fid_real"]) == 1000
        assert float(row["fid_generated"]) == float(row["is_images"]) == 150
        assert float(row["digits_is_mean"]) >= 1
    lines = results(tmp_path)
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert {line["protocol"] for line in lines} == {"modified monitor"}
    assert [line["digits_fid"] for line in lines] == [float(row["digits_fid"]) for row in got]


def test_lightning_knows_the_scores(tmp_path: Path) -> None:
    trainer = runs.trainer(tmp_path, [runs.evaluation()])
    trainer.fit(runs.gan(), runs.data(tmp_path))
    last = results(tmp_path)[-1]
    assert float(trainer.callback_metrics["digits_fid"]) == pytest.approx(last["digits_fid"])


def test_a_resumed_run_gets_the_scores_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = runs.fit(tmp_path / "whole", [runs.evaluation(), GeneratorAverage(0.9)])
    runs.fit(tmp_path / "parts", [runs.evaluation(), GeneratorAverage(0.9)], max_steps=4)
    resumed = runs.fit(
        tmp_path / "parts",
        [runs.evaluation(), GeneratorAverage(0.9)],
        tmp_path / "parts" / "checkpoints" / "last.ckpt",
    )
    assert equal(whole, resumed)
    assert results(tmp_path / "whole") == results(tmp_path / "parts")


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


def test_what_a_killed_run_wrote_after_its_checkpoint_is_not_kept_twice(tmp_path: Path) -> None:
    runs.fit(tmp_path / "whole", [runs.evaluation()])
    runs.fit(tmp_path / "parts", [runs.evaluation()], max_steps=4)
    with (tmp_path / "parts" / "scores.jsonl").open("a") as file:
        file.write(json.dumps({"step": 6, "digits_fid": 1.0}) + "\n" + '{"step": 8, "digi')
    checkpoint = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    runs.fit(tmp_path / "parts", [runs.evaluation()], checkpoint)
    assert results(tmp_path / "whole") == results(tmp_path / "parts")


def test_the_record_says_which_weights_and_latents_the_images_are_of(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation(), GeneratorAverage(0.9)], max_steps=4)
    lines = results(tmp_path)
    assert len({line["generator_fingerprint"] for line in lines}) == len(lines) == 4
    assert {line["seed"] for line in lines} == {runs.gan().seed}


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_a_finished_run_is_scored_as_it_was_during_training(
    tmp_path: Path, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    callbacks = [runs.evaluation(), GeneratorAverage(0.9)]
    runs.fit(tmp_path, callbacks)
    during, table = results(tmp_path)[-2:], (tmp_path / "metrics.csv").read_bytes()
    capsys.readouterr()
    trainer = runs.trainer(tmp_path, [runs.evaluation(), GeneratorAverage(0.9)])
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    getattr(trainer, stage)(runs.gan(), runs.data(tmp_path), ckpt_path=checkpoint, verbose=False)
    assert results(tmp_path)[-2:] == during
    assert (tmp_path / "metrics.csv").read_bytes() == table
    assert f"{during[0]['digits_fid']:.3f}" in capsys.readouterr().out


def test_the_comparison_shows_what_real_images_and_noise_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.fit(tmp_path, [runs.evaluation(compare=True)], max_steps=3)
    lines = capsys.readouterr().out.splitlines()
    fids = {
        title: float(line.removeprefix(title).split()[1])
        for title in ("generator", "other real images", "noise")
        for line in lines
        if line.startswith(title)
    }
    assert fids["other real images"] < 30 < 300 < fids["noise"]
    assert fids["generator"] > 300


def test_validation_and_scores_can_be_left_out(tmp_path: Path) -> None:
    runs.fit(tmp_path, [Evaluation(inception("absent"))], limit_val_batches=0)
    assert not (tmp_path / "scores.jsonl").exists()


def test_a_trial_run_leaves_nothing_behind(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation(cache=str(tmp_path / "cache"))], fast_dev_run=True)
    assert not (tmp_path / "scores.jsonl").exists()
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert len(list((tmp_path / "cache").iterdir())) == 1


# --------------------------------------------------------------------- found before training starts


class NeverTrains(Callback):
    """Fails as soon as training starts."""

    def on_train_start(self, *args: Any) -> None:
        raise AssertionError("training started")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"extractor": inception("absent.pth")}, "--evaluation.extractor.weights"),
        ({"protocol": paper()}, "wants 5000 real images, but the dataset has 1797"),
        ({"real": "absent.npz"}, "cannot read the statistics absent.npz"),
        ({"metrics": [kid(2, 1798, 1798)]}, "kid draws subsets of 1798 .* 1797 real"),
        ({"metrics": [precision_recall(1797, 1798)]}, "1797 neighbours"),
        ({"reference": "test"}, "no test split"),
    ],
)
def test_what_would_fail_is_found_before_training(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    callback = Evaluation(**({"extractor": digits()} | arguments))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        runs.fit(tmp_path, [callback, NeverTrains()])


class mistyped(digits_data):
    """Digits whose held-out images are looked for where none are."""

    splits = ("train", "test")

    def load(self, split: Split) -> Prepared:
        if split == "test":
            raise UserError("there is no folder of held-out images")
        return super().load(split)


def test_held_out_images_that_are_missing_are_found_before_training(tmp_path: Path) -> None:
    trainer = runs.trainer(tmp_path, [runs.evaluation(compare=True), NeverTrains()])
    with pytest.raises(UserError, match="no folder of held-out images"):
        trainer.fit(runs.gan(), mistyped(batch_size=8))


def test_missing_weights_are_found_before_a_dataset_is_prepared(gan: Gan, tmp_path: Path) -> None:
    top = tmp_path / "images"
    top.mkdir()
    (top / "broken.png").write_bytes(b"preparing would complain of this")
    options = ["--data=folder", f"--data.root={top}", "--data.size=16", "--data.batch_size=1"]
    options += ["--evaluation.extractor=inception", "--evaluation.extractor.weights=absent.pth"]
    with pytest.raises(UserError, match=r"absent\.pth are no file"):
        gan(*options)
    with pytest.raises(UserError, match=r"broken\.png"):  # where there are to be no scores
        gan(*options, "--trainer.limit_val_batches=0", folder="other")


def test_the_best_checkpoint_can_be_named(gan: Gan, tmp_path: Path) -> None:
    gan()
    for subcommand in ("validate", "predict"):
        run = str(tmp_path / "run")
        command = cli.run([subcommand, "--run", run, "--ckpt_path", "best"])
        used = command.config[subcommand].ckpt_path
        assert Path(used) == tmp_path / "run" / "checkpoints" / "best.ckpt"


def test_scores_far_below_one_show_digits_that_tell(tmp_path: Path) -> None:
    counts = {"fid_generated": 10, "fid_real": 20}
    row = Row("generator", Result({"fid": 12.34567, "kid": 0.000423151, "is_std": 0.0}, counts))
    shown = table([row], "monitor", "inception").splitlines()[-1].split()
    assert shown == ["generator", "10", "12.346", "0.0004232", "0.000"]


def test_a_cache_in_a_file_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    callback = runs.evaluation(cache=str(tmp_path / "file" / "folder"))
    with pytest.raises(UserError, match=r"--evaluation\.cache"):
        runs.fit(tmp_path, [callback, NeverTrains()])


def test_images_of_another_size_are_found_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = import_module("gan_lightning.extractors.digits")  # not the class of that name
    monkeypatch.setattr(room, "IMAGE_SHAPE", (1, 8, 8))
    with pytest.raises(UserError, match="judges 1 x 8 x 8"):
        runs.fit(tmp_path, [runs.evaluation(), NeverTrains()])


# ------------------------------------------------------------------------------------ two processes


@pytest.mark.slow
def test_two_processes_score_their_first_generator_as_one_process_would(tmp_path: Path) -> None:
    command = [sys.executable, "-m", runs.__name__, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=200)
    two = results(tmp_path)
    assert [line["step"] for line in two] == [2, 4]
    trainer = runs.trainer(tmp_path / "one", [runs.evaluation()])
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    trainer.validate(runs.gan(), runs.data(tmp_path), ckpt_path=checkpoint, verbose=False)
    (one,) = results(tmp_path / "one")
    assert one.keys() == two[-1].keys()
    for name, value in one.items():
        exact = isinstance(value, str)
        assert two[-1][name] == (value if exact else pytest.approx(value, rel=1e-9)), name


# -------------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "extractor", "protocol", "metrics"),
    [
        ([], "inception", "monitor", []),
        (["--evaluation.extractor=digits"], "digits", "monitor", []),
        (["--evaluation.extractor.weights=x.pth"], "inception", "monitor", []),
        (
            ["--evaluation.extractor=classifier", "--evaluation.extractor.weights=x"],
            "classifier",
            "monitor",
            [],
        ),
        (["--evaluation.extractor=tests.scores.small.projection"], "projection", "monitor", []),
        (
            ["--evaluation.protocol=literature", "--evaluation.metrics=[kid, ms_ssim]"],
            "inception",
            "literature",
            ["kid", "ms_ssim"],
        ),
    ],
)
def test_everything_is_chosen_by_its_name(
    arguments: list[str], extractor: str, protocol: str, metrics: list[str]
) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Evaluation, "evaluation")
    callback = parser.instantiate(parser.parse_args(arguments)).evaluation
    judge = callback.judge
    assert type(judge.extractor).__name__ == extractor
    assert judge.protocol.name == protocol
    assert [type(metric).__name__ for metric in judge.metrics] == metrics
