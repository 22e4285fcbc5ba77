"""Checks of the options that a user gives."""

from __future__ import annotations

from gan_lightning.errors import UserError


def at_least(option: str, value: float, least: int) -> None:
    """Refuses an option of the data that is too small.

    Raises:
        UserError: When it is.
    """
    if not value >= least:
        raise UserError(f"--data.{option} {value} is not allowed. Choose at least {least}.")
