"""What happens around training: samples, evaluation, checkpoints, graceful stop."""

from gan_lightning.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints, GracefulStop
from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.callbacks.samples import SampleGrid, SavePredictions

__all__ = [
    "AtomicCheckpointIO",
    "Checkpoints",
    "Evaluation",
    "GeneratorAverage",
    "GracefulStop",
    "SampleGrid",
    "SavePredictions",
]
