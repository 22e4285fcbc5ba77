"""The command line: ``gan``."""

from gan_lightning.cli.main import main
from gan_lightning.cli.training import GANCommand, run

__all__ = ["GANCommand", "main", "run"]
