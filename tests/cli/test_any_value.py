"""Any value for any option: what is built is what was asked for, or one sentence says why not."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from gan_lightning import cli
from tests.conftest import TINY

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


@pytest.mark.slow
@settings(
    max_examples=200,
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
        assert made
        assert made[0].model.n_dis == made[0].config.fit.model.n_dis
        assert made[0].datamodule.batch_size == made[0].config.fit.data.init_args.batch_size
        assert made[0].trainer.max_steps == made[0].config.fit.trainer.max_steps
        return
    assert code == 2
    assert len(said) == 1
    assert not re.search(r"Traceback|Namespace\(|Union subtypes|<class ", said[0])
