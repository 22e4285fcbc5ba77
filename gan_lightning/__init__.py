"""GAN training with spectral normalization: stable, fast, exactly resumable, honestly measured."""

from gan_lightning.gan import GAN

__all__ = ["GAN"]
__version__ = "0.1.0"
