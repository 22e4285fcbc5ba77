"""Generators and discriminators: plain torch, knowing nothing of norms, losses or Lightning."""

from gan_lightning.networks.autoencoder import AutoencoderDiscriminator, DecoderGenerator
from gan_lightning.networks.base import Generator
from gan_lightning.networks.cnn import CNNDiscriminator, CNNGenerator
from gan_lightning.networks.conditional import (
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.networks.mnist import MNISTDiscriminator, MNISTGenerator

__all__ = [
    "AutoencoderDiscriminator",
    "CNNDiscriminator",
    "CNNGenerator",
    "ConditionalBatchNorm2d",
    "ConditionalCNNGenerator",
    "DecoderGenerator",
    "Generator",
    "MNISTDiscriminator",
    "MNISTGenerator",
    "ProjectionCNNDiscriminator",
]
