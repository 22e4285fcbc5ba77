"""What a checkpoint of a model may hold, and which model may load it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from gan_lightning.errors import UserError


def require_same_architecture(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Compares the tensors of a model with those of a checkpoint by name and shape.

    Raises:
        UserError: They differ; names the first tensor that does.
    """
    here, there = ({key: tuple(t.shape) for key, t in state.items()} for state in (own, saved))
    differing = [key for key in here | there if here.get(key) != there.get(key)]
    if differing:
        key = differing[0]
        raise UserError(
            f"--ckpt_path holds another architecture: {key} is {there.get(key, 'absent')} "
            f"there and {here.get(key, 'absent')} here ({len(differing)} tensors differ). "
            "Use the config of the run that saved it (--run DIR, or --config DIR/config.yaml)"
        )


def is_plain(value: object) -> bool:
    """Whether torch's ``weights_only`` loader reads the value.

    >>> is_plain({"lr": 0.1, "betas": (0.5, 0.9)}), is_plain({"norm": object()})
    (True, False)
    """
    if isinstance(value, Mapping):
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
