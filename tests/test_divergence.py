"""Whatever a checkpoint would hold is finite, or nothing is saved and nothing is called done."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gan_lightning.errors import TrainingDiverged
from gan_lightning.gan import GAN, TrainingBatch
from tests.conftest import Gan, last

NAN, INF = float("nan"), float("inf")


def poison(module: GAN, network: str, what: str, value: float) -> None:
    """Spoils one number of a network, its buffers or its optimizer, in place."""
    part = getattr(module, network)
    optimizer = module.trainer.optimizers[network == "discriminator"]
    tensor = {
        "weights": lambda: next(part.parameters()),
        "buffers": lambda: next(b for b in part.buffers() if b.is_floating_point()),
        "moments": lambda: next(iter(optimizer.state.values()))["exp_avg_sq"],
    }[what]()
    with torch.no_grad():
        tensor.view(-1)[0] = value


@pytest.mark.parametrize(
    ("network", "what", "value", "saves"),
    [
        ("generator", "weights", NAN, "0"),
        ("generator", "buffers", INF, "2"),
        ("generator", "moments", INF, "2"),
        ("discriminator", "weights", INF, "2"),
        ("discriminator", "buffers", NAN, "2"),
        ("discriminator", "moments", INF, "0"),
    ],
)
def test_divergence_is_noticed_before_saving_and_never_done(
    gan: Gan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: str,
    what: str,
    value: float,
    saves: str,
) -> None:
    train = GAN.training_step

    def poisoned(self: GAN, batch: TrainingBatch, batch_idx: int) -> None:
        train(self, batch, batch_idx)
        if self.global_step == (4 if saves == "2" else 6):
            poison(self, network, what, value)

    monkeypatch.setattr(GAN, "training_step", poisoned)
    with pytest.raises(TrainingDiverged, match=rf"{what} \(.*\) after iteration . are NaN or inf"):
        gan("--checkpoints.every_n_steps", saves, "--trainer.limit_val_batches", "0")
    assert "Done" not in capsys.readouterr().out
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert path.exists() == (saves == "2")
    if saves == "2":
        assert last(tmp_path / "run")["global_step"] == 2


def test_what_is_finite_passes(gan: Gan) -> None:
    """The largest numbers included."""
    module = gan("--trainer.limit_val_batches", "0").model
    module.require_finite()
    poison(module, "generator", "weights", torch.finfo(torch.float32).max)
    module.require_finite()
