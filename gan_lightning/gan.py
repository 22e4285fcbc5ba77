"""The LightningModule: feeds the step, counts, seeds and logs; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, Protocol

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from gan_lightning import clock, validation
from gan_lightning.checkpointing import (
    is_plain,
    require_format,
    require_same_architecture,
    stamp,
)
from gan_lightning.divergence import LossWatch, check_state
from gan_lightning.errors import UserError
from gan_lightning.graph import GraphedIteration, Iterate
from gan_lightning.images import images_at
from gan_lightning.losses import Objective, hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator, Generator
from gan_lightning.normalization import Norm, none, normalize_, refresh_, sn
from gan_lightning.optim import GANAdam
from gan_lightning.step import iteration
from gan_lightning.streams import stream

ImageShape = tuple[int, int, int]


class TrainingBatch(Protocol):
    """What the data deliver for a training step."""

    @property
    def images(self) -> Tensor:
        """Real images, ``(N, C, H, W)``."""


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
        cuda_graph: Whether to run each iteration as one captured CUDA graph; "auto" does where it
            is possible and says why where it is not, "on" insists.
        iterations_per_batch: Iterations that one training step of Lightning makes, >= 1, so that
            its loop costs less; the trained weights do not depend on it. 0 means 10 with a CUDA
            graph and 1 otherwise. Whatever happens between training steps (validation, checkpoints,
            moving averages, stopping on a signal) happens at its multiples.
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
        cuda_graph: Literal["auto", "on", "off"] = "auto",
        iterations_per_batch: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)  # the command line logs the whole config
        if not is_plain(self.hparams):
            # Built from Python objects, which torch's safe loader would refuse to read.
            self.hparams.clear()
        if n_dis < 1:
            raise UserError(f"--model.n_dis must be an integer >= 1, got {n_dis}")
        if iterations_per_batch < 0:
            raise UserError(
                f"--model.iterations_per_batch must be an integer >= 0, got {iterations_per_batch}"
            )
        self.automatic_optimization = False
        self.image_shape = image_shape
        self.objective = objective
        self.n_dis = n_dis
        self.seed = seed
        self.cuda_graph = cuda_graph
        self._iterations_per_batch = iterations_per_batch
        self._optimizer_factories = (generator_optimizer, discriminator_optimizer)

        self.generator = generator(image_shape)
        self.discriminator = discriminator(image_shape)
        # A GPU and a CPU convolve faster in channels_last; the numbers are the same.
        self.to(memory_format=torch.channels_last)
        normalize_(self.generator, generator_norm, (self.generator.latent_dim,))
        normalize_(self.discriminator, norm, image_shape)
        self._watch = LossWatch()
        self._iterate: Iterate = self._iterate_eagerly

    def configure_optimizers(self) -> tuple[Optimizer, Optimizer]:
        """The generator's optimizer, whose steps Lightning counts, and the discriminator's."""
        make_g, make_d = self._optimizer_factories
        return make_g(self.generator.parameters()), make_d(self.discriminator.parameters())

    # ---------------------------------------------------------------------------------- training

    def setup(self, stage: str) -> None:
        """Checks that real and generated pixels mean the same.

        Raises:
            UserError: The data are in another value range than the generator's last activation.
        """
        data: Any = getattr(self.trainer, "datamodule", None)
        real, made = getattr(data, "value_range", None), self.generator.value_range
        if real is not None and tuple(real) != tuple(made):
            raise UserError(
                f"--model.generator makes pixels in {tuple(made)}, but --data has them in "
                f"{tuple(real)}; choose a generator of that range"
            )

    @property
    def iterations_per_batch(self) -> int:
        """How many iterations one training step makes; the data deliver images for as many."""
        if self._iterations_per_batch:
            return self._iterations_per_batch
        return 10 if self._why_no_graph() is None else 1

    def on_train_start(self) -> None:
        """Forms the normalized weights of what was built or loaded; chooses graph or no graph."""
        refresh_(self.generator)
        refresh_(self.discriminator)
        reason = self._why_no_graph()
        if reason is None:
            optimizers = (self._optimizer(0).optimizer, self._optimizer(1).optimizer)
            self._iterate = GraphedIteration(self._iterate_eagerly, optimizers, self._explain)
        else:
            self._forget_capture()
        if reason is not None and self.cuda_graph == "on":
            raise UserError(f"--model.cuda_graph on: {reason}; use auto or off")
        validation.require_whole_steps(self.trainer, self.iterations_per_batch)

    def _why_no_graph(self) -> str | None:
        """Why iterations run op by op, or None if they shall be captured."""
        if self.cuda_graph == "off":
            return "it was switched off"
        if self.trainer.strategy.root_device.type != "cuda":
            return "there is no CUDA device"
        if self.trainer.world_size > 1:
            return "gradients are averaged over several processes"
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            return "the gradient scaler of 16-mixed reads the device; bf16-mixed does not"
        return None

    def _forget_capture(self) -> None:
        """Undoes in the optimizers what a checkpoint of a captured run says of its device."""
        for index in (0, 1):
            for group in self._optimizer(index).optimizer.param_groups:
                if "capturable" in group:
                    group["capturable"] = False

    def _explain(self, reason: str) -> None:
        rank_zero_info(f"No CUDA graph, iterations run op by op: {reason}")

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """`iterations_per_batch` iterations: each n_dis discriminator updates and a generator one.

        Args:
            batch: Its ``images`` are ``(iterations * n_dis * N, C, H, W)``, in the generator's
                value range.
            batch_idx: Not used; ``global_step`` addresses the random streams.
        """
        start, stop = self.global_step, self.trainer.max_steps
        iterations = len(clock.training_step(start, self.iterations_per_batch, stop))
        images: Tensor = batch.images.to(self.dtype)
        interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set late
        for real in images.unflatten(0, (iterations, self.n_dis, -1)):
            losses = self._iterate(real, self._latents(real))
            self._count()
            self._watch.add(losses)
            if interval and self.global_step % interval == 0:
                self._log(losses)
        validation.set_clock(self.trainer, start)

    def _iterate_eagerly(self, images: Tensor, latents: Tensor) -> Tensor:
        return iteration(
            self.generator,
            self.discriminator,
            self.objective,
            lambda loss: self._descend(loss, self.generator, 0),
            lambda loss: self._descend(loss, self.discriminator, 1),
            images,
            latents,
        )

    def _latents(self, images: Tensor) -> Tensor:
        """The latents of this iteration, ``(n_dis, N, latent_dim)``."""
        n_dis, n = images.shape[:2]
        rng = stream(self.seed, "latents", self.global_step, self.global_rank)
        z = self.generator.latents(n_dis * n, rng).to(images)
        return z.reshape(n_dis, n, -1)

    def _descend(self, loss: Tensor, network: nn.Module, index: int) -> None:
        """Updates a network, without counting a global step.

        Through the strategy and not LightningOptimizer.step(), which would count every update of
        either network. This way the precision plugin (gradient scaler) still does its part.
        """
        optimizer = self._optimizer(index).optimizer
        optimizer.zero_grad()
        self._backward(loss, network)
        self.trainer.strategy.optimizer_step(optimizer, lambda: None)

    def _count(self) -> None:
        """Counts one generator update, as LightningOptimizer.step() does.

        A replayed CUDA graph makes the update without passing there.
        """
        optimizer = self._optimizer(0)
        optimizer._on_before_step()
        optimizer._on_after_step()

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
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            torch.distributed.all_reduce(flat)
            flat /= self.trainer.world_size
            for gradient, mean in zip(
                gradients, flat.split([g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(mean.view_as(gradient))

    def _local_gradients(self) -> AbstractContextManager[None]:
        model = self.trainer.strategy.model
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def _log(self, losses: Tensor) -> None:
        self._watch.check(self.trainer)
        discriminator, generator = losses.tolist()
        row = {"discriminator_loss": discriminator, "generator_loss": generator}
        for logger in self.loggers:
            logger.log_metrics(row, step=self.global_step)
        self.log_dict(row, prog_bar=True, logger=False)

    def on_train_end(self) -> None:
        """Nothing ends with a loss or a weight unseen."""
        self.require_finite()

    # ------------------------------------------------------------------------------- checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses to save a model that has diverged; says what wrote the checkpoint."""
        stamp(checkpoint)
        if self.trainer.state.fn == "fit":
            self.require_finite()

    def require_finite(self) -> None:
        """Looks at all losses, weights, buffers and moments; in every process.

        Raises:
            TrainingDiverged: One of them is NaN or infinite.
        """
        self._watch.check(self.trainer)
        check_state(self.trainer, self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks that the checkpoint is of this format and the same architecture.

        Raises:
            UserError: It is not; names the first tensor that differs.
        """
        require_format(checkpoint)
        require_same_architecture(self.state_dict(), checkpoint["state_dict"])

    # --------------------------------------------------------------------------- using the model

    def forward(self, z: Tensor) -> Tensor:
        """Makes images, ``(N, latent_dim) -> (N, C, H, W)`` in the generator's value range."""
        images: Tensor = self.generator(z)
        return images

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Makes ``n`` images from latents that depend on the seed alone.

        The first k of n latents are those of ``sample(k, seed)``, on every device; the pixels are
        the same as far as the device's arithmetic is. The training state (mode, random
        numbers, running statistics) is left as it was.

        Args:
            n: How many, >= 1.
            seed: Any integer >= 0.

        Returns:
            uint8 ``(n, C, H, W)`` on the module's device.
        """
        return images_at(self.generator, range(n), seed)

    def validation_step(self, batch: object, batch_idx: int) -> None:
        """Nothing: evaluation makes its own images, in a callback."""

    def test_step(self, batch: object, batch_idx: int) -> None:
        """Nothing: evaluation makes its own images, in a callback."""

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Makes the images of the given indices: int64 ``(N,)`` -> uint8 ``(N, C, H, W)``."""
        return images_at(self.generator, batch.tolist(), self.seed)
