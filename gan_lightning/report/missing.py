"""What keeps a figure from being drawn."""

from __future__ import annotations


class Missing(Exception):  # noqa: N818  (not a mistake: runs that hold other things)
    """No run holds what a figure shows.

    Args:
        what: What is missing.
        remedy: What makes runs hold it, as an order.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"no run holds {what}: {remedy}")
