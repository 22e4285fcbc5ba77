"""A logger whose errors are told and survived: quotas, outages, full disks of other machines."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.errors import UserError, one_line

L = TypeVar("L", bound=Logger)

CALLED = (
    "log_metrics",
    "log_hyperparams",
    "log_graph",
    "log_image",
    "after_save_checkpoint",
    "save",
    "finalize",
)
"""What training asks of a logger."""

PATIENCE = 3
"""After so many failures in a row a logger is asked no more: each may have waited for a server."""


def forgiving(logger: L) -> L:
    """The logger itself, whose errors from here on are told in one line and stop nothing.

    ``metrics.csv`` has whatever it loses.
    """
    failures = _Failures(type(logger).__name__)
    for name in CALLED:
        method = getattr(logger, name, None)
        if method is not None:
            setattr(logger, name, failures.survived(method))
    return logger


class _Failures:
    """How often a logger failed in a row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def survived(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The same method, which returns None where it raised."""

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the method)
            if self.count >= PATIENCE:
                return None
            try:
                result = method(*args, **kwargs)
            except UserError:
                raise  # a mistake that can be mended at once
            except Exception as error:  # noqa: BLE001, RUF100  (a third party's, of any kind)
                self._tell(error)
                return None
            self.count = 0
            return result

        return call

    def _tell(self, error: Exception) -> None:
        self.count += 1
        said = one_line(error)[:200]
        after = "It is not asked again in this session" if self.count >= PATIENCE else "It goes on"
        rank_zero_info(f"{self.name} failed ({said}). {after}; training and metrics.csv go on")
