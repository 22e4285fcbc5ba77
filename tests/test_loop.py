"""Iterations under a trainer: the literal algorithm, counted. On several processes: test_ddp.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import SingleDeviceStrategy

from gan_lightning import GAN, loop, step
from gan_lightning.augmentation import DiffAugment
from gan_lightning.data import digits
from gan_lightning.draws import Draw
from gan_lightning.errors import UserError
from gan_lightning.gan import TrainingBatch
from gan_lightning.loop import require_known_strategy, why_no_graph
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import Norm, bn, bssn, refresh_, sn
from gan_lightning.optim import LinearDecay
from gan_lightning.penalties import gradient_penalty
from gan_lightning.streams import stream
from tests.conftest import Gan, bare_trainer, last, rows, same
from tests.methods import AUXILIARY, BEGAN, CONDITIONAL, PENALTIES
from tests.reference import LiteralNetwork, ReferenceGAN, own


def small(**options: Any) -> GAN:
    """A GAN that trains in no time."""
    torch.manual_seed(0)
    networks = partial(CNNGenerator, latent_dim=6, width=2), partial(CNNDiscriminator, width=2)
    return GAN((1, 16, 16), *networks, **options)


@pytest.mark.parametrize("iterations", [1, 3])
def test_each_iteration_is_counted_scheduled_and_followed(tmp_path: Path, iterations: int) -> None:
    """One by one, also within a training step; the discriminator's updates count for nothing."""
    schedule = partial(LinearDecay, end=10)
    model = small(n_dis=2, iterations_per_batch=iterations, generator_schedule=schedule)
    trainer = bare_trainer(tmp_path, max_steps=4, limit_val_batches=0, val_check_interval=6)
    seen: list[tuple[int, float]] = []
    model.after_each_iteration.append(
        lambda: seen.append((trainer.global_step, trainer.optimizers[0].param_groups[0]["lr"]))
    )
    trainer.fit(model, datamodule=digits(batch_size=2))
    assert [count for count, _ in seen] == [1, 2, 3, 4]
    assert [lr for _, lr in seen] == pytest.approx([1e-4 * (1 - t / 10) for t in (1, 2, 3, 4)])
    assert trainer.optimizers[1].param_groups[0]["lr"] == 1e-4


@pytest.mark.parametrize(("norm", "couples"), [(sn(), False), (bn(), True)])
def test_how_images_are_taken_is_found_before_the_first_iteration(
    tmp_path: Path, norm: Norm, couples: bool
) -> None:
    model = small(norm=norm)
    found: list[bool] = []
    trainer = bare_trainer(tmp_path, max_steps=1, limit_val_batches=0)
    model.after_each_iteration.append(lambda: found.append(model.player.couples))
    trainer.fit(model, datamodule=digits(batch_size=2))
    assert found == [couples]


def test_other_strategies_are_refused(tmp_path: Path) -> None:
    """Also those that derive from a known one: they average, or split, in their own way."""

    class Mine(SingleDeviceStrategy):
        pass

    require_known_strategy(bare_trainer(tmp_path))
    require_known_strategy(bare_trainer(tmp_path, strategy="ddp"))
    with pytest.raises(UserError, match=r"^trainer\.strategy Mine is not supported: .* Use ddp"):
        require_known_strategy(bare_trainer(tmp_path, strategy=Mine(torch.device("cpu"))))


def test_why_there_is_no_graph(tmp_path: Path) -> None:
    trainer = bare_trainer(tmp_path)
    assert why_no_graph("off", trainer) == "it was switched off"
    for asked in ("auto", "on"):
        assert why_no_graph(asked, trainer) == "there is no CUDA device"


@pytest.mark.parametrize("n_dis", [1, 3])
def test_training_is_the_literal_algorithm(tmp_path: Path, n_dis: int) -> None:
    """Lightning, data and what is drawn included: float64, against the reference loop."""
    seen: list[Draw] = []

    class Spy(GAN):
        def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
            images = batch.images.double()
            draws = self._loop.drawing.draws(self.global_step, images, batch.labels)
            seen.append(draws.map(torch.clone))
            super().training_step(batch, batch_idx)

    torch.manual_seed(0)
    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.9), eps=1e-4)
    model = Spy(
        (1, 16, 16),
        generator=lambda shape: CNNGenerator(shape, 6, width=2),
        discriminator=lambda shape: CNNDiscriminator(shape, width=2),
        norm=bssn(1.4),
        penalties=[gradient_penalty()],
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        n_dis=n_dis,
    ).double()
    refresh_(model.discriminator)  # u anew in float64, as at the start of training
    plain = CNNDiscriminator((1, 16, 16), width=2).double()
    D = LiteralNetwork(model.discriminator, plain, "bssn")
    reference = ReferenceGAN(model.generator, D, "hinge", [("gradient_penalty", 10.0)], eps=1e-4)
    bare_trainer(tmp_path, max_steps=3, precision="64-true").fit(
        model, datamodule=digits(batch_size=4)
    )
    assert len(seen) == 3
    for draws in seen:
        reference.iteration(draws)
    for network, literal in ((model.generator, reference.G), (model.discriminator, D)):
        state = network.state_dict()
        for key, value in literal.plain.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                torch.testing.assert_close(own(state, key), value, rtol=0, atol=1e-12)


def test_several_iterations_in_a_training_step_change_nothing(gan: Gan, tmp_path: Path) -> None:
    unscored = ["--trainer.limit_val_batches", "0"]
    gan(*unscored, folder="one")
    options = [*unscored, "--model.iterations_per_batch", "4"]
    command = gan(*options, folder="four")  # 4 iterations, then the 2 that are left
    assert command.trainer.global_step == 6
    one, four = last(tmp_path / "one"), last(tmp_path / "four")
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert same(one[key], four[key]), key
    assert rows(tmp_path / "one") == rows(tmp_path / "four")


def test_a_cuda_graph_without_cuda_is_refused_only_if_insisted_on(gan: Gan) -> None:
    assert gan("--model.cuda_graph", "auto", folder="auto").trainer.global_step == 6
    with pytest.raises(UserError, match=r"cuda_graph on: there is no CUDA device; use auto or off"):
        gan("--model.cuda_graph", "on", folder="on")


@pytest.mark.parametrize("scale", [1.0, 2.0**60])
def test_the_gradient_scaler_is_not_bypassed(tmp_path: Path, scale: float) -> None:
    """Scaled beyond what half precision holds, no network moves, and the scale falls."""
    torch.manual_seed(0)
    model = GAN(
        (1, 16, 16),
        generator=lambda shape: CNNGenerator(shape, 6, width=2),
        discriminator=lambda shape: CNNDiscriminator(shape, width=2),
    )
    before = [p.detach().clone() for p in model.parameters()]
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    plugin = MixedPrecision("16-mixed", "cpu", scaler)
    bare_trainer(tmp_path, max_steps=1, plugins=[plugin]).fit(
        model, datamodule=digits(batch_size=4)
    )
    moved = any(not torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert moved == (scale == 1)
    assert (scaler.get_scale() < scale) == (scale > 1)


@pytest.fixture
def iterations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What every iteration of a run was given."""
    given: list[tuple[Any, ...]] = []

    def noting(*arguments: Any) -> torch.Tensor:
        given.append(arguments)
        return step.iteration(*arguments)

    monkeypatch.setattr(loop, "iteration", noting)
    return given


def test_auxiliary_generates_images_of_the_real_ones_classes(
    gan: Gan, iterations: list[tuple[Any, ...]]
) -> None:
    """In the discriminator's updates; the projection discriminator's are drawn."""
    unscored = ["--trainer.limit_val_batches=0", "--trainer.max_steps=2"]
    gan(*AUXILIARY, *unscored)
    gan(*CONDITIONAL, *unscored, folder="projection")
    assert len(iterations) == 4
    same_classes = [
        torch.equal(given[4].labels[0], given[4].fake_labels[0]) for given in iterations
    ]
    assert same_classes == [True, True, False, False]


def test_augmentation_is_in_the_generators_value_range(
    gan: Gan, iterations: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--model.augment=DiffAugment", "--model.augment.policy=[cutout]"]
    options += ["--trainer.limit_val_batches=0", "--trainer.max_steps=2"]
    gan(*options)
    monkeypatch.setattr(digits, "value_range", (0.0, 1.0))
    gan(*options, "--model.generator=SigmoidDecoderGenerator", *BEGAN[1:3], folder="sigmoid")
    for (*_, draws, _, view), fill in zip(iterations[::2], (0.0, 0.5), strict=True):
        seen = view(torch.full_like(draws.images[0], 0.75), draws.views[0][0])
        assert seen.unique().tolist() == [fill, 0.75]


STREAMS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "latents": lambda rng: rng.standard_normal((6, 4), dtype=np.float32),
    "mix": lambda rng: rng.random(6).astype(np.float32),
    "labels": lambda rng: rng.integers(0, 10, 6),
    "views": lambda rng: rng.random((6, 7), dtype=np.float32),
    "fake views": lambda rng: rng.random((6, 7), dtype=np.float32),
    "generator latents": lambda rng: rng.standard_normal((5, 4), dtype=np.float32),
    "generator labels": lambda rng: rng.integers(0, 10, 5),
    "generator views": lambda rng: rng.random((5, 7), dtype=np.float32),
}
"""What two discriminator updates of three images and a generator update of five draw."""


def given(arguments: tuple[Any, ...]) -> list[np.ndarray]:
    """What an iteration was given of each stream."""
    *_, draws, own_draw, _ = arguments
    of_discriminator = draws.latents, draws.mix, *draws.fake_labels, *draws.views, *draws.fake_views
    flat = [tensor.flatten(0, 1) for tensor in of_discriminator]
    return [tensor.numpy() for tensor in (*flat, *own_draw.tensors())]


@pytest.mark.parametrize(("seed", "rank"), [(3, 2), (3, 0), (0, 2)])
def test_iterations_draw_from_the_streams_of_the_seed_and_the_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    iterations: list[tuple[Any, ...]],
    seed: int,
    rank: int,
) -> None:
    """Each of the streams, in each iteration; so that another seed or process draws others."""
    monkeypatch.setattr(Trainer, "global_rank", rank)
    torch.manual_seed(0)
    model = GAN(
        (1, 16, 16),
        partial(ConditionalCNNGenerator, latent_dim=4, width=1),
        partial(ProjectionCNNDiscriminator, width=1),
        penalties=[gradient_penalty()],
        n_dis=2,
        generator_batch_size=5,
        num_classes=10,
        augment=DiffAugment(["translation", "cutout"]),
        seed=seed,
    )
    trainer = bare_trainer(tmp_path, max_steps=2, limit_val_batches=0)
    trainer.fit(model, datamodule=digits(batch_size=3))
    assert len(iterations) == 2
    for t, arguments in enumerate(iterations):
        for (name, draw), found in zip(STREAMS.items(), given(arguments), strict=True):
            np.testing.assert_array_equal(found, draw(stream(seed, name, t, rank)), name)


def batch_norm(layer: torch.nn.Module) -> torch.nn.Module:
    """A user's own norm."""
    if isinstance(layer, torch.nn.Conv2d):
        return torch.nn.Sequential(layer, torch.nn.BatchNorm2d(layer.out_channels))
    return layer


def test_a_penalty_of_a_coupled_discriminator_is_refused(gan: Gan) -> None:
    norm = "--model.norm=tests.test_loop.batch_norm"
    with pytest.raises(UserError, match=r"gradient_penalty asks how .*\(batch normalization"):
        gan(norm, *PENALTIES[:1], "--trainer.limit_val_batches=0")
    assert gan(norm, "--trainer.max_steps=2", folder="without").trainer.global_step == 2
