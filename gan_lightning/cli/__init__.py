"""The command line: ``gan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gan_lightning.cli.main import main

if TYPE_CHECKING:
    from gan_lightning.cli.training import GANCommand, run

__all__ = ["GANCommand", "main", "run"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (whatever is asked for)
    """Imports what takes seconds when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gan_lightning.cli import training

    return getattr(training, name)
