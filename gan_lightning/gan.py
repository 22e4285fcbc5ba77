"""The LightningModule: feeds the step, counts, seeds and logs; nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, Self

from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from gan_lightning import clock, validation
from gan_lightning.augmentation import Augmentation, View
from gan_lightning.building import NetworkRecipe, build_networks
from gan_lightning.checkpoints import loading
from gan_lightning.checkpoints.compatible import require_format, require_same_architecture, stamp
from gan_lightning.combinations import doubts
from gan_lightning.divergence import LossWatch, check_state
from gan_lightning.draws import Drawing
from gan_lightning.errors import UserError, from_argument
from gan_lightning.images import classes_at, images_at, with_weights
from gan_lightning.initialization import Initialization
from gan_lightning.loop import Loop, require_known_strategy, usual_iterations
from gan_lightning.losses import Objective, hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator, Generator
from gan_lightning.networks.base import ImageShape
from gan_lightning.normalization import Norm, none, sn, zero_layers
from gan_lightning.optim import GANAdam
from gan_lightning.penalties import Penalty
from gan_lightning.players import Player

AVERAGE = "generator_average"
"""The key of a checkpoint under which the moving average of the generator is, if there is one:
parameters and running statistics by the names that the generator has for them."""


class TrainingBatch(Protocol):
    """What the data deliver for a training step."""

    @property
    def images(self) -> Tensor:
        """Real images, ``(N, C, H, W)``."""

    @property
    def labels(self) -> Tensor | None:
        """Their classes, int64 ``(N,)``, or None without classes."""


class Predicted(NamedTuple):
    """Images, uint8 ``(N, C, H, W)``, and their classes, int64 ``(N,)``, if there are any."""

    images: Tensor
    labels: tuple[Tensor, ...]


class GAN(LightningModule):
    """A GAN trained by alternating updates: n_dis of the discriminator, then one of the generator.

    One training step of Lightning is one iteration, and everything that Lightning counts
    (``max_steps``, ``global_step``, intervals of validation, logging and checkpoints) counts
    generator updates, the papers' "iterations".

    Args:
        image_shape: ``(channels, height, width)``; on the command line it comes from the data.
        generator: Makes the generator, given the image shape.
        discriminator: Makes the discriminator, given the image shape.
        objective: The losses: hinge, standard, wasserstein, began, ebgan, auxiliary (a classifier
            beside another objective).
        norm: Normalizes each layer of the discriminator: none, sn, ssn, bsn, bssn, sn_conv; wn,
            frobenius (by the lengths of rows, of the whole weight); bn, ln (batch and layer
            normalization of hidden layers' outputs); clip (weight clipping after each update);
            gamma, shared_gamma (a trainable gain over another norm); or the import path of a
            callable from layer to layer.
        generator_norm: The same for the generator.
        initialization: Draws the discriminator's first weights: lecun, xavier, kaiming,
            orthogonal, each with a scale; by default the network draws its own.
        generator_initialization: The same for the generator.
        penalties: Terms that join the discriminator's loss: gradient_penalty, r1, orthonormal.
        generator_optimizer: Makes the generator's optimizer, given its parameters.
        discriminator_optimizer: Makes the discriminator's optimizer, given its parameters.
        generator_schedule: Makes a schedule of the generator's learning rate, given its optimizer:
            LinearDecay or any of torch; its epochs are generator updates.
        discriminator_schedule: The same for the discriminator, counted in generator updates too.
        n_dis: Discriminator updates per generator update.
        generator_batch_size: Images of one generator update, per process. By default the update
            shares the generated images of the last discriminator update, which costs less.
        seed: What is random in iteration t is a function of (seed, t, rank); on the command line
            it comes from ``--seed_everything``.
        cuda_graph: Whether to run each iteration as one captured CUDA graph; "auto" does where it
            is possible and says why where it is not, "on" insists.
        iterations_per_batch: Iterations that one training step of Lightning makes, >= 1, so that
            its loop costs less; the trained weights do not depend on it. 0 means 10 with a CUDA
            graph and 1 otherwise. Whatever happens between training steps (validation, checkpoints,
            samples, stopping on a signal) happens at its multiples.
        num_classes: Number of classes of the images, None without; on the command line it comes
            from the data. A network whose constructor takes ``num_classes`` is given it.
        augment: What is done to real and generated images before the discriminator sees them, for
            training on few images: DiffAugment.

    Attributes:
        after_each_iteration: Called after every iteration, also of those within one training step.
        generator_average: The moving average of the generator's weights, by name; empty where none
            is kept.
        predicts_average: Whether prediction makes its images with it.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        generator: Callable[[ImageShape], Generator] = CNNGenerator,
        discriminator: Callable[[ImageShape], nn.Module] = CNNDiscriminator,
        objective: Objective = hinge(),
        norm: Norm = sn(),
        generator_norm: Norm = none(),
        initialization: Initialization | None = None,
        generator_initialization: Initialization | None = None,
        penalties: Sequence[Penalty] = (),
        generator_optimizer: OptimizerCallable = GANAdam,
        discriminator_optimizer: OptimizerCallable = GANAdam,
        generator_schedule: LRSchedulerCallable | None = None,
        discriminator_schedule: LRSchedulerCallable | None = None,
        n_dis: int = 1,
        generator_batch_size: int | None = None,
        seed: int = 0,
        cuda_graph: Literal["auto", "on", "off"] = "auto",
        iterations_per_batch: int = 0,
        num_classes: int | None = None,
        augment: Augmentation | None = None,
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # An objective with state is a module; what is saved of it here is its options.
            warnings.filterwarnings("ignore", "Attribute .* is an instance of `nn.Module`")
            self.save_hyperparameters(logger=False)  # the command line logs the whole config
        loading.keep_sayable(type(self), self.hparams)
        _at_least("n_dis", n_dis, 1)
        if generator_batch_size is not None:
            _at_least("generator_batch_size", generator_batch_size, 1)
        _at_least("iterations_per_batch", iterations_per_batch, 0)
        self.automatic_optimization = False
        self.image_shape = image_shape
        self.objective = objective
        self.penalties = tuple(penalties)
        self.augment = augment
        self.n_dis = n_dis
        self.generator_batch_size = generator_batch_size
        self.seed = seed
        self.cuda_graph = cuda_graph
        self._iterations_per_batch = iterations_per_batch
        self._optimizer_factories = (generator_optimizer, discriminator_optimizer)
        self._schedule_factories = (generator_schedule, discriminator_schedule)

        self.generator, self.discriminator = build_networks(
            image_shape,
            num_classes,
            NetworkRecipe(generator, generator_initialization, generator_norm),
            NetworkRecipe(discriminator, initialization, norm),
            objective,
            self.penalties,
        )
        self._doubts = doubts(objective, norm, self.penalties, initialization)
        self.after_each_iteration: list[Callable[[], None]] = []
        self.generator_average: dict[str, Tensor] = {}
        self.predicts_average = False
        self._watch = LossWatch()
        self._zeros: set[str] = set()
        self.configure_optimizers()  # what torch refuses is found now, not when training starts

    @property
    def is_conditional(self) -> bool:
        """Whether the networks take the classes of images."""
        return self.generator.num_classes is not None

    @property
    def player(self) -> Player:
        """The discriminator as training steps have it; while training."""
        return self._loop.discriminator

    @property
    def drawing(self) -> Drawing:
        """What draws the random numbers of training steps; while training."""
        return self._loop.drawing

    @property
    def view(self) -> View:
        """What the discriminator sees of images in training steps; while training."""
        return self._loop.view

    def configure_optimizers(self) -> Any:  # noqa: ANN401 (one of Lightning's many forms)
        """The generator's optimizer, whose steps Lightning counts, and the discriminator's."""
        make_g, make_d = self._optimizer_factories
        with from_argument("generator_optimizer", ValueError):
            of_g = make_g(self.generator.parameters())
        with from_argument("discriminator_optimizer", ValueError):
            of_d = make_d(self.discriminator.parameters())
        optimizers = [of_g, of_d]
        schedules = [
            {"scheduler": make(optimizer), "interval": "step"}
            for make, optimizer in zip(self._schedule_factories, optimizers, strict=True)
            if make is not None
        ]
        return optimizers, schedules

    # ---------------------------------------------------------------------------------- training

    def setup(self, stage: str) -> None:
        """Checks that real and generated pixels mean the same, and that gradients are averaged.

        Raises:
            UserError: The data are in another value range than the generator's last activation,
                or without the classes that the networks take; or the strategy is one that leaves
                the averaging of gradients to itself.
        """
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]  # set late
        real, made = getattr(data, "value_range", None), self.generator.value_range
        if real is not None and tuple(real) != tuple(made):
            raise UserError(
                f"makes pixels in {tuple(made)}, but the data have them in {tuple(real)}; choose a "
                "generator of that range",
                "generator",
            )
        require_known_strategy(self.trainer)
        for doubt in self._doubts if stage == "fit" else ():
            rank_zero_info(f"Note: {doubt}")

    @property
    def iterations_per_batch(self) -> int:
        """How many iterations one training step makes; the data deliver images for as many."""
        return self._iterations_per_batch or usual_iterations(self.cuda_graph, self.trainer)

    def on_train_start(self) -> None:
        """Looks up all that stays the same while training."""
        self._loop = Loop(self)
        # Ignored below: Lightning sets it late.
        self._log_interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        validation.require_whole_steps(self.trainer, self.iterations_per_batch)

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """`iterations_per_batch` iterations: each n_dis discriminator updates and a generator one.

        Args:
            batch: Its ``images`` are ``(iterations * n_dis * N, C, H, W)``, in the generator's
                value range.
            batch_idx: Not used; ``global_step`` addresses the random streams.
        """
        start: int = self.global_step
        steps = clock.training_step(start, self.iterations_per_batch, self.trainer.max_steps)
        images = batch.images.to(self.dtype).chunk(len(steps))
        labels = [None] * len(steps) if batch.labels is None else batch.labels.chunk(len(steps))
        for t, real, own in zip(steps, images, labels, strict=True):
            losses = self._loop(t, real, own)
            self._watch.add(losses)
            if clock.crossed(t, t + 1, self._log_interval):
                self._log(losses)
        validation.set_clock(self.trainer, start)

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
        if self.generator_average:
            checkpoint[AVERAGE] = self.generator_average
        if self.trainer.state.fn == "fit":
            self.require_finite()

    def require_finite(self) -> None:
        """Looks at all losses, weights, buffers and moments; in every process.

        Raises:
            TrainingDiverged: One of them is NaN or infinite.
        """
        self._watch.check(self.trainer)
        check_state(self.trainer, self)
        self._tell_of_zeros()

    def _tell_of_zeros(self) -> None:
        """Says once of each layer that its weight is exactly zero."""
        for network in (self.generator, self.discriminator):
            for name in zero_layers(network):
                if name not in self._zeros:
                    self._zeros.add(name)
                    rank_zero_info(
                        f"The weight of {name} in {type(network).__name__} is exactly zero after "
                        f"iteration {self.global_step}; its normalization restarts when it is not"
                    )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks format and architecture of the checkpoint, and takes the moving average from it.

        Raises:
            UserError: Another program or version wrote it, or for other networks; names the first
                tensor that differs.
        """
        require_format(checkpoint)
        require_same_architecture(self.state_dict(), checkpoint["state_dict"])
        self.generator_average = dict(checkpoint.get(AVERAGE, {}))

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]  # no file may choose how it is read
        cls,
        checkpoint_path: str | Path,
        map_location: Any = None,  # noqa: ANN401  (whatever torch.load takes)
        *,
        trust: str | Iterable[str] = (),
        **kwargs: Any,
    ) -> Self:
        """Makes the GAN that a checkpoint holds.

        A stranger's checkpoint runs nothing: it is read as tensors and plain values, and builds
        only networks, norms, objectives and optimizers of gan_lightning and torch.

        Args:
            checkpoint_path: The file.
            map_location: As `torch.load` takes it.
            trust: Packages of yours, or of others, whose classes and functions it may use too.
            **kwargs: Arguments of the class in place of the checkpoint's.

        Raises:
            UserError: The file is no such checkpoint, names what it may not, or its GAN was made
                from Python objects that have to be passed again.
        """
        return loading.load_module(cls, checkpoint_path, map_location, trust, kwargs)

    # --------------------------------------------------------------------------- using the model

    def forward(self, z: Tensor, *labels: Tensor) -> Tensor:
        """Makes images, ``(N, latent_dim) -> (N, C, H, W)`` in the generator's value range."""
        images: Tensor = self.generator(z, *labels)
        return images

    def sample(
        self, n: int, seed: int = 0, classes: Sequence[int] | None = None, ema: bool = False
    ) -> Tensor:
        """Makes ``n`` images from latents that depend on the seed alone.

        The first k of n latents are those of ``sample(k, seed)``, on every device; the pixels are
        the same as far as the device's arithmetic is. The training state (mode, random
        numbers, running statistics) is left as it was.

        Args:
            n: How many, >= 1.
            seed: Any integer >= 0.
            classes: For a conditional GAN, the classes of the images, in turn; by default all.
            ema: Whether the moving average of the generator makes them.

        Returns:
            uint8 ``(n, C, H, W)`` on the module's device.

        Raises:
            UserError: There is no moving average, or no such class.
        """
        return images_at(self.used_generator(ema), range(n), seed, classes)

    def used_generator(self, ema: bool) -> Generator:
        """The generator, or its moving average: a copy that is normalized anew.

        Raises:
            UserError: There is none.
        """
        if not ema:
            return self.generator
        if not self.generator_average:
            raise UserError(
                "the moving average of the generator is asked for, but there is none here: train "
                "with `ema.decay` 0.999, say, or leave `ema` out"
            )
        return with_weights(self.generator, self.generator_average)

    def validation_step(self, batch: object, batch_idx: int) -> None:
        """Nothing: evaluation makes its own images, in a callback."""

    def test_step(self, batch: object, batch_idx: int) -> None:
        """Nothing: evaluation makes its own images, in a callback."""

    def on_predict_start(self) -> None:
        """Chooses the generator that makes the images."""
        self._predicts = self.used_generator(self.predicts_average)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Predicted:
        """Makes the images of the given indices, int64 ``(N,)``."""
        indices: list[int] = batch.tolist()
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]  # set late
        classes = getattr(data, "predict_classes", None)
        labels = classes_at(self._predicts, indices, classes)
        return Predicted(images_at(self._predicts, indices, self.seed, classes), labels)


def _at_least(argument: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"must be an integer >= {least}, got {value}", argument)
