"""GAN training with spectral normalization: stable, fast, exactly resumable, honestly measured."""

__version__ = "0.1.0"
