"""Scores with all that they depend on, so that no two numbers can be mixed up."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

import torch

Fact = str | float


@dataclass(frozen=True)
class Result:
    """Scores and what they rest on.

    Attributes:
        scores: By name; names of another extractor's than Inception bear that extractor's.
        counts: How many images each score looked at.
        facts: All else that they depend on: protocol, extractor, settings of the scores,
            fingerprints of the real and of the scored images, origin of the images, versions.
    """

    scores: dict[str, float]
    counts: dict[str, int]
    facts: dict[str, Fact] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """Scores and counts: all that changes from one evaluation to the next, or is a count."""
        return {**self.scores, **self.counts}

    def to_dict(self) -> dict[str, Fact]:
        """Everything, flat."""
        return {**self.scores, **self.counts, **self.facts}


def circumstances(device: torch.device) -> dict[str, Fact]:
    """The versions and the device, which move scores in their last digits."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "gan_lightning": version("gan-lightning"),
        "torch": torch.__version__,
        "device": name,
    }
