"""The iterations of a GAN under a Lightning trainer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gan_lightning.augmentation import View, as_they_are
from gan_lightning.combinations import require_single_images
from gan_lightning.distributed import average_
from gan_lightning.draws import Draw, Drawing, Own
from gan_lightning.errors import UserError
from gan_lightning.graph import GraphedIteration, Iterate, let_go_of_device, obstacle
from gan_lightning.lightning_private import count_step
from gan_lightning.players import Player, Update, couples_images
from gan_lightning.step import iteration

if TYPE_CHECKING:
    from gan_lightning.gan import GAN


class Loop:
    """Makes the iterations of a GAN, and counts them.

    Made when training starts: everything that stays the same from then on is looked up here, so
    that no iteration has to.

    Args:
        gan: The module, attached to its trainer.

    Attributes:
        discriminator: What trains it, and knows how it takes real and generated images.
        drawing: Draws what is random.
        view: What the discriminator sees of images.

    Raises:
        UserError: ``cuda_graph`` insists on what cannot be, or a penalty wants a discriminator of
            single images that this one is not.
    """

    def __init__(self, gan: GAN) -> None:
        trainer = gan.trainer
        optimizers: Any = gan.optimizers()
        self._optimizers: list[LightningOptimizer] = optimizers
        self._schedules = [config.scheduler for config in trainer.lr_scheduler_configs]
        self._strategy = trainer.strategy
        self._processes = trainer.world_size
        self._backward = gan.manual_backward
        self.objective, self.penalties = gan.objective, gan.penalties
        self.drawing = Drawing(
            gan.generator,
            gan.n_dis,
            gan.seed,
            trainer.global_rank,
            mixed=bool(gan.penalties),
            own=gan.generator_batch_size,
            same_labels=gan.objective.reuses_labels,
            numbers=0 if gan.augment is None else gan.augment.numbers,
        )
        self.view = _view(gan)
        state = list(gan.objective.buffers()) if isinstance(gan.objective, nn.Module) else []
        couples = _couples(gan)
        self._generator = Player(gan.generator, self._update_of(gan.generator, 0, []))
        self.discriminator = Player(
            gan.discriminator, self._update_of(gan.discriminator, 1, state), couples
        )
        self._generator.refresh_()
        self.discriminator.refresh_()
        self._iterate = self._chosen_way(gan)
        self._followers = gan.after_each_iteration

    def __call__(self, t: int, images: Tensor, labels: Tensor | None) -> Tensor:
        """Makes one iteration.

        Args:
            t: Generator updates made before; addresses what is random.
            images: ``(n_dis * N, C, H, W)``.
            labels: int64 ``(n_dis * N,)``, or None without classes.

        Returns:
            The losses of discriminator and generator, ``(2,)``, on the device.
        """
        losses = self._iterate(
            self.drawing.draws(t, images, labels), self.drawing.own_draw(t, images)
        )
        self._count()
        for follow in self._followers:
            follow()
        return losses

    def _eagerly(self, draws: Draw, own: Own | None) -> Tensor:
        players = self._generator, self.discriminator
        return iteration(*players, self.objective, self.penalties, draws, own, self.view)

    def _chosen_way(self, gan: GAN) -> Iterate:
        """Iterations as a captured graph, or op by op."""
        reason = why_no_graph(gan.cuda_graph, gan.trainer)
        optimizers = [optimizer.optimizer for optimizer in self._optimizers]
        if reason is None:
            return GraphedIteration(self._eagerly, optimizers, _explain)
        if gan.cuda_graph == "on":
            raise UserError(f"on: {reason}; use auto or off", "cuda_graph")
        let_go_of_device(optimizers)
        return self._eagerly

    def _update_of(self, network: nn.Module, index: int, state: list[Tensor]) -> Update:
        """The update of a network, without counting a global step.

        Through the strategy and not LightningOptimizer.step(), which would count every update of
        either network. This way the precision plugin (gradient scaler) still does its part.
        DistributedDataParallel would average both networks' gradients at every backward; here
        those of the network in turn are averaged, and the state that belongs to its loss.
        """
        optimizer = self._optimizers[index].optimizer
        parameters = tuple(network.parameters())

        def update(loss: Tensor) -> None:
            optimizer.zero_grad()
            with self._local_gradients():
                self._backward(loss)
            if self._processes > 1:
                average_([p.grad for p in parameters if p.grad is not None])
                average_(state)
            self._strategy.optimizer_step(optimizer, _nothing)

        return update

    def _local_gradients(self) -> AbstractContextManager[None]:
        model = self._strategy.model
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def _count(self) -> None:
        """Counts one generator update, as LightningOptimizer.step() does, and moves the schedules.

        A replayed CUDA graph makes the update without passing there.
        """
        optimizer = self._optimizers[0]
        count_step(optimizer)
        for schedule in self._schedules:
            schedule.step()


def why_no_graph(cuda_graph: str, trainer: Trainer) -> str | None:
    """Why iterations run op by op, or None if they shall be captured."""
    return "it was switched off" if cuda_graph == "off" else obstacle(trainer)


def usual_iterations(cuda_graph: str, trainer: Trainer) -> int:
    """How many iterations a training step makes unless somebody says so.

    A replayed graph leaves little to do on the host, where each training step costs as much.
    """
    return 10 if why_no_graph(cuda_graph, trainer) is None else 1


def require_known_strategy(trainer: Trainer) -> None:
    """Raises unless gradients of two networks in turn are averaged rightly.

    Raises:
        UserError: The strategy averages or splits them itself.
    """
    if type(trainer.strategy) not in (SingleDeviceStrategy, DDPStrategy):
        raise UserError(
            f"{type(trainer.strategy).__name__} is not supported: with two "
            "networks in turn, gradients are averaged by this project itself, which it does for "
            "ddp and for one process. Use ddp, or one device",
            "trainer.strategy",
        )


def _view(gan: GAN) -> View:
    """What the discriminator sees of images."""
    if gan.augment is None:
        return as_they_are
    return partial(gan.augment, value_range=gan.generator.value_range)


def _couples(gan: GAN) -> bool:
    """Whether real and generated images must go through the discriminator apart."""
    some = torch.Generator().manual_seed(0)
    like = next(gan.discriminator.parameters(), torch.empty(0))
    images = torch.rand(4, *gan.image_shape, generator=some).to(like)
    labels = [torch.zeros(4, dtype=torch.int64, device=like.device)] if gan.is_conditional else []
    couples = couples_images(gan.discriminator, images, *labels)
    require_single_images(couples, gan.penalties)
    return couples


def _explain(reason: str) -> None:
    rank_zero_info(f"No CUDA graph, iterations run op by op: {reason}")


def _nothing() -> None:
    """The closure of an optimizer step whose gradients are there already."""
