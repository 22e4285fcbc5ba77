"""Every mistake on the command line gets one sentence; what is printed reads well."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gan_lightning import cli
from tests.conftest import ROOT

Parsed = Callable[..., cli.GANCommand]


MISTAKES = {
    "--model.norm xyz": r"--model.norm xyz .*bsn, bssn, .*none, .*sn, sn_conv, ssn",
    "--model.norm no.such.thing": r"--model.norm no.such.thing: No module named 'no'",
    "--model.norm.scale 0": r"--model.norm.scale must be .* > 0, .* got 0",
    "--model.norm ssn --model.norm.scale=-1": r"--model.norm.scale must be .* > 0, .* got -1",
    "--model.norm.scal 2": r"--model.norm.scal is not an option",
    "--model.norm sn --model.norm.scale 2": r"--model.norm.scale is not an option",
    "--model.n_dis 0": r"--model.n_dis must be an integer >= 1, got 0",
    "--model.n_diss 2": r"--model.n_diss is not an option; did you mean --model.n_dis",
    "--trainer.max_step 2": r"--trainer.max_step is not an option; did you mean",
    "--model.objective hing": r"--model.objective hing .*hinge, standard, wasserstein",
    "--model.generator MNISTGenerator": r"--model.generator takes 28x28 images",
    "--data mnist": r"takes images whose sides are multiples of 8.*28x28",
    "--data cifar10 --data.root {tmp}/nowhere --trainer.limit_val_batches 0": r"--data\.root.*now",
    "--data.sampling nope": r"--data.sampling nope: expected one of .*replacement.*epoch",
    "--data.batch_size 0": r"--data.batch_size",
    "--data.batch_size null": r"--data.batch_size is null: give int, or leave it out",
    "--data cifar": r"--data cifar is not known. Known: .*cifar10, digits",
    "--ckpt_path {tmp}/nowhere.ckpt": r"--ckpt_path .*nowhere.ckpt: there is no file",
    "--config {tmp}/nowhere.yaml": r"nowhere\.yaml: No such file",
    # Whose argument it is: that of the option that built the object, whatever its class.
    "--model.norm.scale 1e-40": r"--model.norm.scale must be .*, got 1e-40",
    "--model.generator_norm ssn --model.generator_norm.scale 0": r"--model.generator_norm.scale mu",
    "--model.generator.width 0": r"--model.generator.width must be >= 1, got 0",
    "--model.generator.latent_dim 0": r"--model.generator.latent_dim must be >= 1, got 0",
    "--model.discriminator.width x": r"--model.discriminator.width x: expected int",
    "--model.objective auxiliary": r"--model.objective auxiliary does .* --model.discriminator CNN",
    "--model.objective ebgan --model.objective.margin 0": r"--model.objective.margin must be",
    "--model.augment DiffAugment --model.augment.policy [color]": r"--model.augment.policy.*color",
    "--data.limit 0": r"--data.limit 0 is not allowed. Choose at least 1",
    "--data.limit 1798": r"--data.limit 1798 is more than the 1797 images of digits",
    "--model.iterations_per_batch -1": r"--model.iterations_per_batch must be .* >= 0, got -1",
    "--model.generator_optimizer.lr -1": r"--model.generator_optimizer is refused: .*rate: -1",
    "--model.discriminator_optimizer.lr .nan": r"--model.discriminator_optimizer.lr must be",
    "--model.discriminator_optimizer.lr .inf": r"--model.discriminator_optimizer.lr must be",
    "--model.discriminator_optimizer.betas [1.5,0.9]": r"discriminator_optimizer is .*1\.5",
    "--model.generator_optimizer.eps -1": r"--model.generator_optimizer is refused: .*-1",
    "--evaluation.protocol.fid_real 1": r"--evaluation.protocol.fid_real is 1",
    "--evaluation.protocol.fid_real x": r"--evaluation.protocol.fid_real x: expected int",
    "--evaluation.metrics kid": r"--evaluation.metrics takes a list: write '\[kid\]'",
    "--evaluation.metrics xyz": r"--evaluation.metrics xyz is not known. Known: .*kid",
    "--ema.decay 2": r"--ema.decay is 2.0; allowed",
    "--samples.rows 0": r"--samples.rows must be >= 1, got 0",
    "--samples.every_n_steps -1": r"--samples.every_n_steps must be >= 0",
    "--checkpoints.every_n_steps -1": r"--checkpoints.every_n_steps must be >= 0",
    # What Lightning's Trainer would take, and train nothing, or something else.
    "--trainer.val_check_interval 0": r"--trainer.val_check_interval 0 is not allowed",
    "--trainer.val_check_interval -1": r"--trainer.val_check_interval -1 is not allowed",
    "--trainer.val_check_interval 0.5": r"--trainer.val_check_interval 0.5 is not allowed",
    "--trainer.max_steps -5": r"--trainer.max_steps -5 is not allowed",
    "--trainer.max_epochs 0": r"--trainer.max_epochs 0 .*--trainer.max_steps",
    "--trainer.limit_train_batches 0": r"--trainer.limit_train_batches 0.* is not allowed",
    "--trainer.fast_dev_run true": r"--trainer.fast_dev_run True .*--trainer.max_steps 10",
    "--trainer.gradient_clip_val 1": r"--trainer.gradient_clip_val 1.* is not allowed",
    "--trainer.accumulate_grad_batches 2": r"--trainer.accumulate_grad_batches 2.*batch_size",
    "--trainer.strategy fsdp": r"--trainer.strategy fsdp is not allowed: .*averaged",
    "--trainer.strategy nonsense": r"--trainer.strategy nonsense is not allowed",
    "--trainer.strategy DeepSpeedStrategy": r"--trainer.strategy DeepSpeedStrategy is not all",
    "--trainer.devices 0": r"--trainer.devices 0 is not allowed",
    "--trainer.devices x": r"--trainer.devices x is not allowed",
    "--trainer.accelerator nonsense": r"invalid accelerator name.*nonsense",
    "--trainer.precision 7": r"--trainer.precision 7: expected one of",
    "--trainer.max_time nonsense": r"nonsense",
    "--trainer.profiler nonsense": r"profiler",
    "--trainer.logger MLFlowLogger": r"--trainer.logger: Requirement 'mlflow",
    "--trainer.logger CometLogger": r"--trainer.logger: Requirement 'comet-ml",
    "--trainer.logger TensorBoardLogger": r"--trainer.logger.save_dir is needed",
    "--trainer.callbacks+=RichProgressBar": r"--trainer.callbacks: .*rich",
    "--seed_everything -1": r"--seed_everything -1 is not allowed",
    "--seed_everything 4294967296": r"--seed_everything 4294967296 is not allowed",
    "--seed_everything true": r"--seed_everything True: expected int",
    "--data.seed 5": r"--data.seed is not an option of its own: set --seed_everything",
    "--model.norm mine_that_is_not.there": r"No module named 'mine_that_is_not'",
    "--weights_only false": r"--weights_only is not an option",
    # Classes that are there, but of another kind.
    "--data torch.nn.Linear": r"--data torch.nn.Linear is of another kind: give ImageData. Known: ",
    "--model.objective gan_lightning.penalties.r1": r"is of another kind: give Objective. Known: ",
    "--model.norm gan_lightning.data.digits": r"give Normalization or Module. Known: .*bn, bsn",
    "--model.generator torch.nn.Linear": r"--model.generator torch.nn.Linear .* give Generator. Kn",
    "--model.penalties+=gan_lightning.losses.hinge": r"of another kind: give Penalty. Known: gradi",
    "--model.generator_schedule torch.nn.ReLU": r"give LRScheduler or ReduceLROnPlateau$",
    "--trainer.logger torch.nn.Linear": r"--trainer.logger torch.nn.Linear .* give Logger. Known",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_message_and_code_2(
    mistake: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = mistake.format(tmp=tmp_path).split()
    with pytest.raises(SystemExit) as exit_:
        cli.main(["fit", "--config", str(tiny), "--run", str(tmp_path / "run"), *options])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert exit_.value.code == 2
    assert message.startswith("gan: error: ")
    assert re.search(MISTAKES[mistake], message), message
    assert not (tmp_path / "run" / "checkpoints").exists()


WITHOUT_CONFIG = {
    "fit --run {tmp}/new": r"--data is needed: .*celeba, .*--config",
    "fit --run {tmp}/new --data.root x": r"--data.root 'x' is given, but not the class",
    "validate --data digits --run {tmp}/new": r"gan validate looks at a trained network",
    "predict --data digits --run {tmp}/new": r"--run DIR, or a checkpoint with --ckpt_path",
    "test --data digits --run {tmp}/new": r"gan test looks at a trained network",
    **{
        f"{command} --run {{tmp}}/new{checkpoint}": r"^gan: error: --run .*new does not exist"
        for command, checkpoint in itertools.product(
            ("validate", "test", "predict"), ("", " --ckpt_path last", " --ckpt_path best")
        )
    },
    "fit --run {tmp}/new --ckpt_path last": r"--run .*new does not exist, so .* --config FILE",
    "fit --run {tmp} --ckpt_path x.ckpt": r"--run .* holds no run, so .* --config FILE",
    "predict --run {tmp}": r"--run .* holds no run, but gan predict looks at",
    "prepare": r"--data is needed: .*celeba",
    "prepare --data nope": r"--data nope is not known. Known: .*digits",
    "prepare --data digits --data.batch_size 0": r"--data.batch_size 0",
    "evaluate --data digits": r"--images is needed",
    "evaluate {tmp}/none --data digits --extractor digits": r"none is neither a folder",
    "extractor --data digits --out x.pth": r"--out x.pth must end in .safetensors",
    "extractor --data digits --out x.safetensors --held_out 2": r"--held_out is 2.0",
}


@pytest.mark.parametrize("line", WITHOUT_CONFIG)
def test_a_mistake_without_a_config(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(line.format(tmp=tmp_path).split())
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert exit_.value.code == 2
    assert re.search(WITHOUT_CONFIG[line], message), message


EMPTY = {
    "fit --config={tiny}|--run=": "--run",
    "fit --config={tiny}|--run|": "--run",
    "fit --config={tiny}|--run={tmp}/new|--evaluation.real=": "--evaluation.real",
    "fit --config={tiny}|--run={tmp}/new|--ckpt_path=": "--ckpt_path",
    "fit|-c|": "--config",
    "predict --run {tmp}|--predictions|": "--predictions",
    "prepare --data folder|--data.root=": "--data.root",
    "evaluate|": "an argument",
    "evaluate --data digits --images {tmp}|--cache=": "--cache",
    "sample|": "an argument",
    "extractor --data digits|--out=": "--out",
    "export --ckpt x|--out=": "--out",
    "sweep|": "an argument",
    "find-scale --config={tiny}|--out=": "--out",
    "compare {tmp}|": "an argument",
    "compare {tmp} --at=end|": "an argument",
    "report {tmp}|--out=": "--out",
}


@pytest.mark.parametrize("line", EMPTY)
def test_an_empty_word_is_no_path(
    line: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable of the shell that is not set must not become the folder one stands in."""
    before, *words = line.format(tiny=tiny, tmp=tmp_path).split("|")
    files = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        cli.main([*before.split(), *words])
    said = capsys.readouterr().err
    assert exit_.value.code == 2
    assert said.startswith(f"gan: error: {EMPTY[line]} is empty: "), said
    assert sorted(tmp_path.rglob("*")) == files


def test_what_another_package_takes_may_be_empty(parsed: Parsed) -> None:
    logger = "--trainer.logger=TensorBoardLogger", "--trainer.logger.save_dir=logs"
    command = parsed(*logger, "--trainer.logger.name=", "--trainer.logger.prefix", "")
    assert command.config.fit.trainer.logger.init_args.name == ""


def test_print_config_and_help_read_well(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as exit_:
        cli.main(["fit", "--config", str(tiny), "--print_config"])
    assert not exit_.value.code
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["model"]["norm"]["init_args"] == {"scale": 1.4}
    assert "image_shape" not in config["model"]  # it comes from the data
    with pytest.raises(SystemExit):
        cli.main(["fit", "--help"])
    text = capsys.readouterr().out
    for words in (
        "--model.n_dis",
        "Discriminator updates per generator update",
        "--run",
        "--trust",
    ):
        assert words in text
    assert len(text.splitlines()) < 560
    assert "torch.nn" not in text


CONFIGS = [p for p in sorted((ROOT / "configs").glob("*.yaml")) if "\ndata:" in p.read_text()]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_config_parses_and_repeats_no_default(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.GANCommand, "_run_subcommand", lambda self, subcommand: None)
    monkeypatch.setattr(cli.GANCommand, "instantiate_classes", lambda self: None)
    command = cli.run(["fit", "--config", str(path), "--trainer.accelerator", "cpu"])
    said = yaml.safe_load(path.read_text())
    own = {"cifar10_evidence": "folder", "few_images": "folder"}
    dataset = own.get(path.stem, path.stem.split("_")[0])
    assert command.config.fit.data.class_path.rsplit(".", 1)[-1] == dataset
    for section in ("trainer", "checkpoints", "samples"):
        for key, value in said.get(section, {}).items():
            default = command._parser("fit").get_default(f"{section}.{key}")
            assert value != default, f"{section}.{key} repeats its default"
