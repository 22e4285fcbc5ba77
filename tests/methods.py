"""The options of methods that several tests run."""

from __future__ import annotations

PENALTIES = ["--model.penalties+=gradient_penalty", "--model.penalties+=r1"]
CONDITIONAL = [
    "--model.generator=ConditionalCNNGenerator",
    "--model.generator.width=2",
    "--model.generator.latent_dim=6",
    "--model.discriminator=ProjectionCNNDiscriminator",
    "--model.discriminator.width=2",
]
BEGAN = [
    "--model.generator=DecoderGenerator",
    "--model.generator.width=2",
    "--model.generator.latent_dim=6",
    "--model.discriminator=AutoencoderDiscriminator",
    "--model.discriminator.width=2",
    "--model.discriminator.hidden=4",
    "--model.objective=began",
    "--model.norm=none",
]
RESNET = [
    "--model.generator=ResNetGenerator",
    "--model.generator.widths=[4,3,2]",
    "--model.generator.latent_dim=6",
    "--model.discriminator=ResNetDiscriminator",
    "--model.discriminator.widths=[2,3,3]",
    "--model.discriminator.hidden=code",
    "--model.norm=sn_conv",
]
EBGAN = [
    *BEGAN[:3],
    "--model.discriminator=CodedAutoencoderDiscriminator",
    "--model.discriminator.width=2",
    "--model.discriminator.hidden=4",
    "--model.discriminator.power=2",
    "--model.objective=ebgan",
    "--model.objective.pulling_away=0.1",
    "--model.norm=none",
]
AUXILIARY = [
    *CONDITIONAL[:3],
    "--model.discriminator=AuxiliaryCNNDiscriminator",
    "--model.discriminator.width=2",
    "--model.objective=auxiliary",
    "--model.objective.over=hinge",
]
AUGMENTED = ["--model.augment=DiffAugment", "--model.augment.policy=[colour, translation]"]
SCHEDULES = [
    *["--model.generator_schedule=LinearDecay", "--model.generator_schedule.end=8"],
    *["--model.discriminator_schedule=LinearDecay", "--model.discriminator_schedule.end=7"],
]
