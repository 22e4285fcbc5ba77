"""Evaluation does not touch training, and says what it measured in the right places."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor

from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.extractors.classifier import classifier
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.inception import inception
from gan_lightning.images import pixels_of
from gan_lightning.initialization import initialize_, orthogonal
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.streams import stream
from tests.callbacks import runs

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


@pytest.mark.parametrize("seed", [0, 7])
def test_the_images_that_are_scored_are_of_the_latents_of_the_runs_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Those of the moving average, too; and the record names it."""
    model = runs.gan(seed)
    initialize_(model.generator, orthogonal())  # so that images differ
    model.generator_average = {
        name: weight.detach() * 2 for name, weight in model.generator.named_parameters()
    }
    seen: list[Tensor] = []
    forward = digits.forward

    def noting(self: digits, images: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(images.clone())
        return forward(self, images)

    judging = runs.evaluation()
    trainer = runs.trainer(tmp_path, [judging])
    trainer.validate(model, runs.data(tmp_path), verbose=False)  # the real images are known now
    monkeypatch.setattr(digits, "forward", noting)
    trainer.validate(model, runs.data(tmp_path), verbose=False)
    latents = [model.generator.latents(1, stream(seed, "evaluation", i)) for i in range(192)]
    wanted = [
        pixels_of(generator, torch.cat(latents))
        for generator in (model.generator, model.used_generator(ema=True))
    ]
    # Three blocks of 64 each, of which 150 images count.
    difference = (torch.cat(seen).int() - torch.cat(wanted).int()).abs()
    assert difference.max() <= 1  # a level, as images in other batches are rounded
    assert (wanted[0].int() - wanted[1].int()).abs().max() > 50
    assert {line["seed"] for line in results(tmp_path)} == {seed}


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
