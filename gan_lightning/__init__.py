"""GAN training with spectral normalization: stable, fast, exactly resumable, honestly measured."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_lightning.defaults import trainer_defaults
    from gan_lightning.export import load_generator
    from gan_lightning.gan import GAN

__all__ = ["GAN", "load_generator", "trainer_defaults"]
__version__ = "0.2.0"

_HOMES = {
    "GAN": "gan_lightning.gan",
    "load_generator": "gan_lightning.export",
    "trainer_defaults": "gan_lightning.defaults",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (whatever is asked for)
    """Imports what is asked for when it is: torch takes seconds, `gan --help` none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
