"""Networks that judge images: what features and class probabilities the scores are made of.

The names below are what a user types: ``--evaluation.extractor digits``.
"""

from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.classifier import classifier
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.dinov2 import dinov2
from gan_lightning.extractors.inception import inception

__all__ = ["FeatureExtractor", "classifier", "digits", "dinov2", "inception"]
