"""Any value for any option: what is built is what was asked for, or one sentence says why not."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from gan_lightning import cli
from gan_lightning.cli.resume import flat
from tests.cli.built import compared, same
from tests.conftest import TINY, Gan

OPTIONS = re.findall(
    r"\S+",
    """
    seed_everything data data.batch_size data.num_workers data.sampling data.flip data.root
    data.device_cache data.device_cache_gib data.download data.num_predict data.prepared_root
    model.norm model.norm.scale model.generator_norm model.generator_norm.scale model.objective
    model.initialization model.initialization.scale model.generator_initialization
    model.generator model.generator.width model.generator.latent_dim model.discriminator
    model.discriminator.width model.penalties model.n_dis model.cuda_graph model.seed
    model.iterations_per_batch model.generator_batch_size model.generator_optimizer
    model.generator_optimizer.lr model.generator_optimizer.betas model.generator_optimizer.eps
    model.discriminator_optimizer model.generator_schedule model.discriminator_schedule
    checkpoints.every_n_steps checkpoints.keep_every_n_steps samples.every_n_steps samples.rows
    samples.columns samples.seed ema.decay evaluation.extractor evaluation.protocol
    evaluation.protocol.fid_real evaluation.protocol.is_splits evaluation.metrics
    evaluation.cache evaluation.real evaluation.real_count evaluation.best evaluation.compare
    trainer.accelerator trainer.strategy trainer.devices trainer.num_nodes trainer.precision
    trainer.logger trainer.callbacks trainer.fast_dev_run trainer.max_epochs trainer.min_epochs
    trainer.max_steps trainer.min_steps trainer.max_time trainer.limit_train_batches
    trainer.limit_val_batches trainer.overfit_batches trainer.val_check_interval
    trainer.check_val_every_n_epoch trainer.num_sanity_val_steps trainer.log_every_n_steps
    trainer.enable_checkpointing trainer.accumulate_grad_batches trainer.gradient_clip_val
    trainer.deterministic trainer.benchmark trainer.inference_mode trainer.profiler
    trainer.detect_anomaly trainer.barebones trainer.plugins trainer.sync_batchnorm
    trainer.reload_dataloaders_every_n_epochs nonsense model.nonsense trainer.nonsense
    """,
)

# Widths stay small: a network that needs a terabyte is an honest wish of a machine we don't have.
NUMBERS = st.integers(-3, 40) | st.floats(allow_nan=True, allow_infinity=True).filter(
    lambda x: not 40 < x < 1e30
)
WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        """
        null true false auto none sn bssn digits cnn hinge CNNGenerator GANAdam monitor
        inception kid torch.nn.Linear torch.optim.SGD os.system torch.hub.load a.b [] [1,2]
        [kid] {} {a:1} {class_path:bssn} cpu ddp 16-mixed 00:00:00:10 .nan -.inf 1e-40 é '
        -- last
        """,
    )
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = NUMBERS.map(str) | WORDS | TEXT


def is_typed(value: str, config: dict[str, Any], option: str) -> bool:
    """Whether a config says what was typed, where that was a number, a truth or nothing."""
    names = (
        option,
        option.replace(".", ".init_args.", 1),
        ".init_args.".join(option.rsplit(".", 1)),
    )
    said = next((config[name] for name in names if name in config), Ellipsis)
    parsed = yaml.safe_load(value) if not re.search(r"[^\w.+-]", value) else value
    if said is Ellipsis or not isinstance(parsed, int | float | None):
        return True
    return said == parsed or str(said) == value or said != said  # not a number


DIFFERENT = re.findall(
    r"\S+",
    """
    seed_everything=7 data.batch_size=5 data.num_workers=1 data.sampling=epoch data.flip=true
    data.root=there data.device_cache=never data.device_cache_gib=2.5 data.num_predict=3
    data.prepared_root=here model.norm.scale=1.25 model.generator_norm=ssn
    model.generator_norm.scale=0.5 model.objective=began model.objective.diversity=0.25
    model.objective.step=0.125 model.generator.latent_dim=7 model.generator.width=3
    model.discriminator=AutoencoderDiscriminator model.discriminator.width=3
    model.discriminator.hidden=5 model.penalties+=gradient_penalty model.penalties.weight=3.5
    model.n_dis=2 model.cuda_graph=off model.iterations_per_batch=3
    model.generator_batch_size=6 model.generator_optimizer.lr=0.25
    model.generator_optimizer.betas=[0.25,0.75] model.generator_optimizer.eps=0.5
    model.discriminator_optimizer=torch.optim.SGD model.discriminator_optimizer.lr=0.75
    model.discriminator_optimizer.momentum=0.5 model.generator_schedule=LinearDecay
    model.generator_schedule.end=9 model.generator_schedule.start=2
    checkpoints.every_n_steps=11 checkpoints.keep_every_n_steps=12 samples.every_n_steps=13
    samples.rows=3 samples.columns=4 samples.seed=5 ema.decay=0.75
    evaluation.protocol.fid_real=30 evaluation.protocol.fid_generated=31
    evaluation.protocol.is_images=32 evaluation.protocol.is_splits=3 evaluation.metrics+=kid
    evaluation.metrics.subsets=4 evaluation.metrics.subset_size=5 evaluation.metrics.count=6
    evaluation.cache=kept evaluation.best=false evaluation.compare=true
    evaluation.real_count=21 evaluation.real_resize=tf1 trainer.max_steps=14
    trainer.val_check_interval=15 trainer.log_every_n_steps=16
    """,
)


def test_what_was_typed_is_what_is_built(parsed: Gan) -> None:
    """Every scalar option at another value than its default and the config's, at once."""
    command = parsed(*(f"--{word}" for word in DIFFERENT))
    found = list(compared(command))
    for option, asked, held in found:
        assert same(asked, held), f"{option}: {asked!r} asked, {held!r} held"
    for word in DIFFERENT:
        option, _, value = word.partition("=")
        option = option.rstrip("+").removeprefix("seed_everything") or "model.seed"
        if option.endswith(("generator.width", "discriminator.width", "hidden")):
            option = f"{option.rsplit('.', 1)[0]}.init_args"  # their shapes are compared
            continue
        if option.endswith("norm.scale"):
            side = "generator" if "generator" in option else "discriminator"
            option, value = f"model.{side} normalized", f"{{{value}}}"
        if option.endswith("_norm"):
            continue
        wanted = {value, value.title(), value.rsplit(".", 1)[-1], value.replace(",", ", ")}
        helds = [str(held) for name, _, held in found if name == option]
        assert wanted & {*helds, *(held.replace("(", "[").replace(")", "]") for held in helds)}, (
            word
        )


@pytest.mark.slow
@settings(
    max_examples=150,
    derandomize=True,  # the same everywhere; without it, by hand, it goes on looking
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(choices=st.lists(st.tuples(st.sampled_from(OPTIONS), VALUES), min_size=1, max_size=2))
def test_any_value_of_any_option(
    choices: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(TINY)
    made: list[cli.GANCommand] = []
    monkeypatch.setattr(cli.GANCommand, "_run_subcommand", lambda self, _: made.append(self))
    words = [f"--{option}={value}" for option, value in choices]
    note(" ".join(words))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main(["fit", "--config=mine.yaml", "--run=run", *words])
            code = 0
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
    said = [line for line in errors.getvalue().splitlines() if line.startswith("gan: error: ")]
    note("\n".join(said))
    if code == 0:
        (command,) = made
        for option, asked, held in compared(command):
            assert same(asked, held), f"{option}: {asked!r} asked, {held!r} held"
        config = flat(command.config.fit.as_dict())
        for option, value in dict(choices).items():
            assert is_typed(value, config, option), f"{option}={value}"
        return
    assert code == 2
    assert len(said) == 1
    assert not re.search(r"Traceback|Namespace\(|Union subtypes|<class ", said[0])
