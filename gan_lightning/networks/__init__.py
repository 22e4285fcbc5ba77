"""Generators and discriminators: plain torch, knowing nothing of norms, losses or Lightning."""

from gan_lightning.networks.autoencoder import (
    AutoencoderDiscriminator,
    CodedAutoencoderDiscriminator,
    DecoderGenerator,
    SigmoidDecoderGenerator,
)
from gan_lightning.networks.auxiliary import AuxiliaryCNNDiscriminator
from gan_lightning.networks.base import Coded, Generator, Judgement
from gan_lightning.networks.cnn import CNNDiscriminator, CNNGenerator
from gan_lightning.networks.concat import ConcatCNNDiscriminator
from gan_lightning.networks.conditional import (
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.networks.mnist import MNISTDiscriminator, MNISTGenerator
from gan_lightning.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_lightning.networks.resnet_conditional import (
    AuxiliaryResNetDiscriminator,
    ConcatResNetDiscriminator,
    ConditionalResNetGenerator,
    ProjectionResNetDiscriminator,
)

__all__ = [
    "AutoencoderDiscriminator",
    "AuxiliaryCNNDiscriminator",
    "AuxiliaryResNetDiscriminator",
    "CNNDiscriminator",
    "CNNGenerator",
    "Coded",
    "CodedAutoencoderDiscriminator",
    "ConcatCNNDiscriminator",
    "ConcatResNetDiscriminator",
    "ConditionalBatchNorm2d",
    "ConditionalCNNGenerator",
    "ConditionalResNetGenerator",
    "DecoderGenerator",
    "Generator",
    "Judgement",
    "MNISTDiscriminator",
    "MNISTGenerator",
    "ProjectionCNNDiscriminator",
    "ProjectionResNetDiscriminator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "SigmoidDecoderGenerator",
]
