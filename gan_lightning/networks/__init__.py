"""Generators and discriminators: plain torch, knowing nothing of norms, losses or Lightning."""

from gan_lightning.networks.base import Generator
from gan_lightning.networks.cnn import CNNDiscriminator, CNNGenerator
from gan_lightning.networks.mnist import MNISTDiscriminator, MNISTGenerator

__all__ = [
    "CNNDiscriminator",
    "CNNGenerator",
    "Generator",
    "MNISTDiscriminator",
    "MNISTGenerator",
]
