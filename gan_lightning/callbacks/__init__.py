"""What happens around training: samples, evaluation, checkpoints, graceful stop."""

from gan_lightning.callbacks.advisor import Advisor
from gan_lightning.callbacks.checkpoints import Checkpoints
from gan_lightning.callbacks.diagnostics import Diagnostics
from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.callbacks.progress import Progress
from gan_lightning.callbacks.samples import SampleGrid, SavePredictions
from gan_lightning.callbacks.stop import GracefulStop

__all__ = [
    "Advisor",
    "Checkpoints",
    "Diagnostics",
    "Evaluation",
    "GeneratorAverage",
    "GracefulStop",
    "Progress",
    "SampleGrid",
    "SavePredictions",
]
