"""Scores of generated images: IS, FID and friends, on one process or many.

The names below are what a user types: ``--evaluation.protocol paper``,
``--evaluation.metrics [kid]``.
"""

from gan_lightning.scores.density_coverage import density_coverage
from gan_lightning.scores.kid import kid
from gan_lightning.scores.memorization import memorization
from gan_lightning.scores.ms_ssim import ms_ssim
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.scores.protocol import Protocol, literature, monitor, paper, sngan
from gan_lightning.scores.samples import SampleScore

__all__ = [
    "Protocol",
    "SampleScore",
    "density_coverage",
    "kid",
    "literature",
    "memorization",
    "monitor",
    "ms_ssim",
    "paper",
    "precision_recall",
    "sngan",
]
