"""The LightningModule: feeds the step, counts, seeds and logs; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.images import to_uint8
from gan_lightning.losses import Objective, hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator, Generator
from gan_lightning.normalization import Norm, none, normalize_, refresh_, sn
from gan_lightning.optim import GANAdam
from gan_lightning.step import iteration
from gan_lightning.streams import stream

ImageShape = tuple[int, int, int]


class GAN(LightningModule):
    """A GAN trained by alternating updates: n_dis of the discriminator, then one of the generator.

    One training step of Lightning is one iteration, and everything that Lightning counts
    (``max_steps``, ``global_step``, intervals of validation, logging and checkpoints) counts
    generator updates, the papers' "iterations".

    Args:
        image_shape: ``(channels, height, width)``; on the command line it comes from the data.
        generator: Makes the generator, given the image shape.
        discriminator: Makes the discriminator, given the image shape.
        objective: The losses: hinge, standard or wasserstein.
        norm: Normalizes each layer of the discriminator: none, sn, ssn, bsn, bssn, sn_conv, or the
            import path of a callable from layer to layer.
        generator_norm: The same for the generator.
        generator_optimizer: Makes the generator's optimizer, given its parameters.
        discriminator_optimizer: Makes the discriminator's optimizer, given its parameters.
        n_dis: Discriminator updates per generator update.
        seed: Latents of iteration t are a function of (seed, t, rank); on the command line it comes
            from ``--seed_everything``.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        generator: Callable[[ImageShape], Generator] = CNNGenerator,
        discriminator: Callable[[ImageShape], nn.Module] = CNNDiscriminator,
        objective: Objective = hinge(),
        norm: Norm = sn(),
        generator_norm: Norm = none(),
        generator_optimizer: OptimizerCallable = GANAdam,
        discriminator_optimizer: OptimizerCallable = GANAdam,
        n_dis: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)  # the command line logs the whole config
        if not _is_plain(self.hparams):
            # Built from Python objects, which torch's safe loader would refuse to read.
            self.hparams.clear()
        if n_dis < 1:
            raise UserError(f"--model.n_dis must be an integer >= 1, got {n_dis}")
        self.automatic_optimization = False
        self.image_shape = image_shape
        self.objective = objective
        self.n_dis = n_dis
        self.seed = seed
        self._optimizer_factories = (generator_optimizer, discriminator_optimizer)

        self.generator = generator(image_shape)
        self.discriminator = discriminator(image_shape)
        # A GPU and a CPU convolve faster in channels_last; the numbers are the same.
        self.to(memory_format=torch.channels_last)
        normalize_(self.generator, generator_norm, (self.generator.latent_dim,))
        normalize_(self.discriminator, norm, image_shape)
        self._unchecked: list[Tensor] = []  # losses since the last look for NaN, on the device

    def configure_optimizers(self) -> tuple[Optimizer, Optimizer]:
        """The generator's optimizer, whose steps Lightning counts, and the discriminator's."""
        make_g, make_d = self._optimizer_factories
        return make_g(self.generator.parameters()), make_d(self.discriminator.parameters())

    # ---------------------------------------------------------------------------------- training

    def on_train_start(self) -> None:
        """Forms the normalized weights of what was built or loaded."""
        refresh_(self.generator)
        refresh_(self.discriminator)

    def training_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 (a data.Batch)
        """One iteration: n_dis discriminator updates and one generator update.

        Args:
            batch: Its ``images`` are ``(n_dis * N, C, H, W)``, in the generator's value range.
            batch_idx: Not used; ``global_step`` addresses the random streams.
        """
        images: Tensor = batch.images.to(self.dtype).unflatten(0, (self.n_dis, -1))
        losses = iteration(
            self.generator,
            self.discriminator,
            self.objective,
            self._update_generator,
            self._update_discriminator,
            images,
            self._latents(images),
        )
        self._unchecked.append(losses)
        interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set late
        if self.global_step % interval == 0:
            self._log(losses)

    def _latents(self, images: Tensor) -> Tensor:
        """The latents of this iteration, ``(n_dis, N, latent_dim)``."""
        n_dis, n = images.shape[:2]
        rng = stream(self.seed, "latents", self.global_step, self.global_rank)
        z = self.generator.latents(n_dis * n, rng).to(images)
        return z.reshape(n_dis, n, -1)

    def _update_generator(self, loss: Tensor) -> None:
        optimizer = self._optimizer(0)
        optimizer.zero_grad()
        self._backward(loss, self.generator)
        optimizer.step()

    def _update_discriminator(self, loss: Tensor) -> None:
        optimizer = self._optimizer(1)
        optimizer.zero_grad()
        self._backward(loss, self.discriminator)
        # Through the strategy and not optimizer.step(), which would count as a global step. This
        # way the precision plugin (gradient scaler) still does its part.
        self.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)

    def _optimizer(self, index: int) -> LightningOptimizer:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        optimizer = optimizers[index]
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def _backward(self, loss: Tensor, network: nn.Module) -> None:
        """Backpropagates, then averages over processes the gradients of the network in turn.

        DistributedDataParallel itself would reduce both networks at every backward.
        """
        with self._local_gradients():
            self.manual_backward(loss)
        if self.trainer.world_size > 1:
            for parameter in network.parameters():
                if parameter.grad is not None:
                    torch.distributed.all_reduce(parameter.grad)
                    parameter.grad /= self.trainer.world_size

    def _local_gradients(self) -> AbstractContextManager[None]:
        model = self.trainer.strategy.model
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    # ----------------------------------------------------------------------- logging and checking

    def _log(self, losses: Tensor) -> None:
        self.check_finite()
        discriminator, generator = losses.tolist()
        row = {"discriminator_loss": discriminator, "generator_loss": generator}
        for logger in self.loggers:
            logger.log_metrics(row, step=self.global_step)
        self.log_dict(row, prog_bar=True, logger=False)

    def check_finite(self) -> None:
        """Looks at the losses since the last look; the one place where training reads the device.

        Raises:
            TrainingDiverged: One of them is NaN or infinite.
        """
        if not self._unchecked:
            return
        losses = torch.stack(self._unchecked).cpu()
        first = self.global_step - len(losses) + 1
        self._unchecked.clear()
        bad = (~losses.isfinite()).any(dim=1)
        if self.trainer.strategy.reduce_boolean_decision(bool(bad.any()), all=False):
            k = int(bad.int().argmax())
            raise TrainingDiverged(self._divergence(first + k, *losses[k].tolist()))

    def _divergence(self, iteration: int, discriminator: float, generator: float) -> str:
        saved = getattr(self.trainer.checkpoint_callback, "last_model_path", "") or "none yet"
        return (
            f"the loss is not finite: iteration {iteration}, discriminator_loss={discriminator}, "
            f"generator_loss={generator}. Nothing was saved since; last good checkpoint: {saved}. "
            "Lower --model.discriminator_optimizer.lr or --model.norm.scale, or train in fp32"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses to save a model that has diverged."""
        if self.trainer.training:
            self.check_finite()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks that the checkpoint is of the same architecture.

        Raises:
            UserError: It is not; names the first tensor that differs.
        """
        own, theirs = _shapes(self.state_dict()), _shapes(checkpoint["state_dict"])
        differing = [key for key in own | theirs if own.get(key) != theirs.get(key)]
        if differing:
            key = differing[0]
            raise UserError(
                f"--ckpt_path holds another architecture: {key} is {theirs.get(key, 'absent')} "
                f"there and {own.get(key, 'absent')} here ({len(differing)} tensors differ). "
                "Use the config of the run that saved it (--run DIR, or --config DIR/config.yaml)"
            )

    def on_train_end(self) -> None:
        """Nothing ends with a loss unseen."""
        self.check_finite()

    # --------------------------------------------------------------------------- using the model

    def forward(self, z: Tensor) -> Tensor:
        """Makes images, ``(N, latent_dim) -> (N, C, H, W)`` in the generator's value range."""
        images: Tensor = self.generator(z)
        return images

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Makes ``n`` images, the same for the same seed on every device.

        The first k of n images are those of ``sample(k, seed)``. The training state (mode, random
        numbers, running statistics) is left as it was.

        Args:
            n: How many, >= 1.
            seed: Any integer >= 0.

        Returns:
            uint8 ``(n, C, H, W)`` on the module's device.
        """
        return self.images_at(range(n), seed)

    @torch.no_grad()
    def images_at(self, indices: range | list[int], seed: int = 0, chunk: int = 256) -> Tensor:
        """The images of these indices in the endless sequence that belongs to a seed; uint8."""
        if not len(indices):
            raise UserError("the number of images to make must be >= 1, got 0")
        latents = [self.generator.latents(1, stream(seed, "sample", i)) for i in indices]
        parameter = next(self.generator.parameters())
        training = self.generator.training
        self.generator.eval()
        try:
            images = [
                to_uint8(self.generator(z.to(parameter)), self.generator.value_range)
                for z in torch.cat(latents).split(chunk)
            ]
        finally:
            self.generator.train(training)
        return torch.cat(images)

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Nothing: evaluation makes its own images, in a callback."""

    def test_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Nothing: evaluation makes its own images, in a callback."""

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Makes the images of the given indices: int64 ``(N,)`` -> uint8 ``(N, C, H, W)``."""
        return self.images_at(batch.tolist(), self.seed)


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _is_plain(value: object) -> bool:
    """Whether torch's ``weights_only`` loader reads the value."""
    if isinstance(value, Mapping):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
