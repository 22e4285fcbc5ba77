"""What the project raises when the user, not the code, has something to mend."""

from __future__ import annotations


class UserError(Exception):  # not a ValueError: argument parsers swallow those
    """A mistake in the configuration or the data, with its remedy in the message.

    The command line prints the message alone, without a traceback, and exits with ``exit_code``.
    One message names the option, its value, what is allowed and what to do.
    """

    exit_code = 2


class TrainingDiverged(UserError):  # noqa: N818  (an event, named as the field names it)
    """A loss became NaN or infinite."""

    exit_code = 1
