"""Counts operations, which unlike seconds are the same at every run."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode

VIEWS = ("view", "permute", "t", "expand", "detach", "alias", "slice", "select", "unsqueeze")


class CountOperations(TorchDispatchMode):
    """Counts the operations that compute or move data; views are free.

    Attributes:
        operations: How many there were within the context.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not type it
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204  (as torch's)
        """Counts one operation and lets it happen."""
        name = str(func).split(".")[1].strip("_")
        self.operations += name not in (*VIEWS, "unsafe_view", "as_strided", "transpose")
        return func(*args, **(kwargs or {}))
