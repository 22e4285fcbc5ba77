"""Datasets: prepared once into one array, sampled by position, turned into floats on the device."""

from gan_lightning.data.base import ImageData
from gan_lightning.data.datasets.celeba import celeba
from gan_lightning.data.datasets.cifar10 import cifar10
from gan_lightning.data.datasets.digits import digits
from gan_lightning.data.datasets.folder import folder
from gan_lightning.data.datasets.imagenet import imagenet
from gan_lightning.data.datasets.mnist import mnist
from gan_lightning.data.datasets.stl10 import stl10
from gan_lightning.data.loading import Batch
from gan_lightning.data.preparation.preparing import prepare, verify
from gan_lightning.data.preparation.source import Source

__all__ = [
    "Batch",
    "ImageData",
    "Source",
    "celeba",
    "cifar10",
    "digits",
    "folder",
    "imagenet",
    "mnist",
    "prepare",
    "stl10",
    "verify",
]
