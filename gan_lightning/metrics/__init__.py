"""Scores of generated images: IS, FID and friends, on one process or many.

The names below are what a user types: ``--evaluation.extractor digits``,
``--evaluation.protocol paper``, ``--evaluation.metrics [kid]``.
"""

from gan_lightning.metrics.base import FeatureExtractor
from gan_lightning.metrics.digits_network import digits
from gan_lightning.metrics.inception_v3 import inception
from gan_lightning.metrics.kernel_distance import kid
from gan_lightning.metrics.manifolds import precision_recall
from gan_lightning.metrics.protocol import Protocol, literature, monitor, paper, sngan
from gan_lightning.metrics.residual import classifier
from gan_lightning.metrics.samples import SampleScore
from gan_lightning.metrics.similarity import ms_ssim

__all__ = [
    "FeatureExtractor",
    "Protocol",
    "SampleScore",
    "classifier",
    "digits",
    "inception",
    "kid",
    "literature",
    "monitor",
    "ms_ssim",
    "paper",
    "precision_recall",
    "sngan",
]
