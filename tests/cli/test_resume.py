"""What may change when a run goes on: it takes effect and is said, or it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from gan_lightning import cli
from gan_lightning.cli.resume import FIXED, changes, flat, set_optimizer_options, weight_options
from gan_lightning.errors import UserError
from tests.conftest import Gan, last, same


def resumed(run: Path, *options: str) -> cli.GANCommand:
    return cli.run(["fit", "--run", str(run), "--ckpt_path", "last", *options])


EFFECTIVE: dict[str, str] = {
    "--model.n_dis 2": "model.n_dis 1 -> 2",
    "--model.norm.scale 1.2": "model.norm.init_args.scale 1.4 -> 1.2",
    "--data.batch_size 3": "data.init_args.batch_size 4 -> 3",
    "--model.objective standard": "model.objective.class_path",
    "--model.generator_optimizer.lr 0.02": "model.generator_optimizer.init_args.lr 0.0001 -> 0.02",
    "--model.discriminator_optimizer.betas [0.1,0.2]": "betas [0.5, 0.999] -> [0.1, 0.2]",
    "--ema.decay 0.5": "ema.decay None -> 0.5",
    "--trainer.precision bf16-mixed": "trainer.precision",
}


@pytest.fixture
def threads() -> Iterator[int]:
    """How many torch uses; given back."""
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.mark.parametrize("more", [0, 1])
def test_another_number_of_threads_is_said_and_noted(
    gan: Gan, tmp_path: Path, threads: int, more: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It changes the order of sums; and where it is the same, nothing is said."""
    gan("--trainer.max_steps", "3")
    caplog.set_level("INFO")
    torch.set_num_threads(threads + more)
    resumed(tmp_path / "run", "--trainer.max_steps", "6")
    said = [m for m in caplog.messages if m.startswith("changed on resume: ")]
    expected = f"changed on resume: threads {threads} -> {threads + 1}; the run is no longer bit-"
    assert [message[: len(expected)] for message in said] == [expected] * more
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    starts = [line for line in history if "changed" in line]
    assert [line["threads"] for line in starts] == [threads, threads + more]
    assert {(line["torch"], line["device"]) for line in starts} == {(torch.__version__, "cpu")}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(option, marks=[] if re.search("n_dis|lr|betas", option) else pytest.mark.slow)
        for option in EFFECTIVE
    ],
)
def test_a_change_takes_effect_and_is_said_and_noted(
    gan: Gan, tmp_path: Path, options: str, caplog: pytest.LogCaptureFixture
) -> None:
    gan("--trainer.max_steps", "3")
    caplog.set_level("INFO")
    run = tmp_path / "run"
    command = resumed(run, "--trainer.max_steps", "6", *options.split())
    (said,) = [m for m in caplog.messages if m.startswith("changed on resume: ")]
    assert EFFECTIVE[options] in said
    assert said.endswith("the run is no longer bit-exact")
    name, value = options.removeprefix("--").split()
    named = {key.replace(".init_args", ""): v for key, v in flat(_config(run)).items()}
    saved = named.get(name, named.get(f"{name}.class_path"))
    assert str(saved).replace(" ", "").endswith(value)
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [line["changed"] for line in history if "changed" in line][-1]
    if "decay" in options:
        return
    gan(folder="whole")
    assert not same(last(run)["state_dict"], last(tmp_path / "whole")["state_dict"])
    if "optimizer" in options:
        index = "discriminator" in options
        group = command.trainer.optimizers[index].param_groups[0]
        assert group["betas" if index else "lr"] == ((0.1, 0.2) if index else 0.02)
        other = command.trainer.optimizers[not index].param_groups[0]
        assert (other["lr"], other["betas"]) == (1e-4, (0.5, 0.999))


def _config(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())
    return config


def test_a_change_lasts(gan: Gan, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next resumption goes on with what was changed, and has nothing to say."""
    gan("--trainer.max_steps", "3")
    run = tmp_path / "run"
    resumed(run, "--trainer.max_steps", "4", "--model.generator_optimizer.lr", "0.02")
    caplog.set_level("INFO")
    caplog.clear()
    command = resumed(run, "--trainer.max_steps", "6")
    assert "changed on resume" not in caplog.text
    assert command.trainer.optimizers[0].param_groups[0]["lr"] == 0.02


REFUSED = {
    "--seed_everything 7": "--seed_everything 7 cannot be changed .* trained with 0",
    "--model.norm bsn": r"--model.norm.class_path gan_lightning\S*bsn cannot be changed",
    "--model.generator_optimizer torch.optim.SGD": "generator_optimizer.class_path torch.optim.SGD",
    "--trainer.max_steps 2": "--trainer.max_steps 2 is less than the 3 iterations",
    "--model.discriminator.width 3": "another architecture",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_take_effect_is_refused(gan: Gan, tmp_path: Path, options: str) -> None:
    gan("--trainer.max_steps", "3")
    with pytest.raises(UserError, match=REFUSED[options]) as error:
        resumed(tmp_path / "run", "--trainer.max_steps", "6", *options.split())
    assert "\n" not in str(error.value)


def test_what_makes_no_difference_is_free(
    gan: Gan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gan(folder="whole")
    gan("--trainer.max_steps", "3")
    caplog.set_level("INFO")
    free = "--samples.every_n_steps 2 --checkpoints.keep_every_n_steps 5 --data.num_workers 0"
    resumed(tmp_path / "run", "--trainer.max_steps", "6", *free.split())
    assert "changed on resume" not in caplog.text
    assert same(last(tmp_path / "run")["state_dict"], last(tmp_path / "whole")["state_dict"])


def test_a_config_edited_by_hand_deceives_nobody(gan: Gan, tmp_path: Path) -> None:
    """The checkpoint itself says what it was trained with."""
    gan("--trainer.max_steps", "3")
    path = tmp_path / "run" / "config.yaml"
    path.write_text(path.read_text().replace("seed_everything: 0", "seed_everything: 5"))
    with pytest.raises(UserError, match="--seed_everything 5 cannot be changed on resume"):
        resumed(tmp_path / "run", "--trainer.max_steps", "6")


def test_a_finished_run_stays_as_it_is(gan: Gan, tmp_path: Path) -> None:
    """As when a requeue script starts it once more."""
    gan()
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    resumed(tmp_path / "run")
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_out_of_range_is_one_sentence(gan: Gan, seed: str) -> None:
    with pytest.raises(UserError, match=rf"--seed_everything {seed} is not allowed"):
        gan("--seed_everything", seed)


def test_the_config_is_written_whole_or_not_at_all(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan("--trainer.max_steps", "3")
    path = tmp_path / "run" / "config.yaml"
    before = path.read_bytes()

    def killed(old: Path, new: Path) -> None:
        if new == path:
            raise KeyboardInterrupt
        old.rename(new)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        resumed(tmp_path / "run", "--trainer.max_steps", "6")
    assert path.read_bytes() == before


def test_every_fixed_option_is_one_that_matters() -> None:
    known = dict.fromkeys(key.replace(".*", ".x") for key in FIXED)
    assert weight_options(known) == known


def test_changes_of_nested_options() -> None:
    before = flat({"a": {"b": 1, "c": [1, 2]}, "d": {}})
    assert changes(before, flat({"a": {"b": 2, "c": [1, 2]}, "e": None})) == {
        "a.b": (1, 2),
        "d": ({}, None),
    }


def test_a_schedule_keeps_its_learning_rate() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 3)
    changed = {"model.generator_optimizer.init_args.lr": (0.2, 0.1)}
    with pytest.raises(UserError, match=r"generator_optimizer.init_args.lr 0.1 cannot be changed"):
        set_optimizer_options("generator", optimizer, changed)


def test_what_only_one_of_two_runs_has_is_a_change() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": (1, None), "c": (None, 3)}
    assert changes({"a": 1}, {"a": 1}) == {}


@pytest.mark.parametrize(
    ("option", "matters"),
    [
        *((f"data.init_args.{name}", True) for name in ("batch_size", "flip", "sampling", "limit")),
        *((f"data.init_args.{name}", True) for name in ("limit_seed", "size", "crop", "mine")),
        *((f"data.init_args.{name}", False) for name in ("root", "num_workers", "device_cache")),
        *((f"model.{name}", True) for name in ("n_dis", "augment", "penalties", "objective.a")),
        *((f"trainer.{name}", True) for name in ("precision", "devices", "accelerator")),
        *((f"trainer.{name}", False) for name in ("max_steps", "logger", "limit_val_batches")),
        *(("ema.decay", True), ("seed_everything", True), ("samples.rows", False)),
        *(("evaluation.protocol.fid_real", False), ("diagnostics.of", False)),
    ],
)
def test_which_options_the_weights_depend_on(option: str, matters: bool) -> None:
    """An option that nobody has thought of does; those that only look or store do not."""
    assert (option in weight_options({option: 1})) == matters


def test_the_history_says_how_each_part_ended(gan: Gan, tmp_path: Path) -> None:
    gan("--trainer.max_steps", "3")
    resumed(tmp_path / "run", "--trainer.max_steps", "5")
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    ends = [line for line in map(json.loads, lines) if "ended" in line]
    found = [(line["ended"], line["iteration"], line["iterations"]) for line in ends]
    assert found == [("finished", 3, 3), ("finished", 5, 2)]
