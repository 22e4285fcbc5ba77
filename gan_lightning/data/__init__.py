"""Datasets: prepared once into one array, sampled by position, turned into floats on the device."""

from gan_lightning.data.base import ImageData
from gan_lightning.data.bundled import digits
from gan_lightning.data.faces import celeba
from gan_lightning.data.folders import folder
from gan_lightning.data.ilsvrc import imagenet
from gan_lightning.data.loading import Batch
from gan_lightning.data.preparing import prepare, verify
from gan_lightning.data.torchvision_sets import cifar10, mnist, stl10

__all__ = [
    "Batch",
    "ImageData",
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
