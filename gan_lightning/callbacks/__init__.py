"""What happens around training: samples, evaluation, checkpoints, graceful stop."""

from gan_lightning.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints, GracefulStop
from gan_lightning.callbacks.samples import SampleGrid, SavePredictions

__all__ = [
    "AtomicCheckpointIO",
    "Checkpoints",
    "GracefulStop",
    "SampleGrid",
    "SavePredictions",
]
