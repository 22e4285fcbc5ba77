"""Lightning's loggers in a run's folder: what fails at a third party does not stop training."""

from gan_lightning.loggers.forgiving import forgiving
from gan_lightning.loggers.in_run import in_run
from gan_lightning.loggers.pictures import log_picture

__all__ = ["forgiving", "in_run", "log_picture"]
