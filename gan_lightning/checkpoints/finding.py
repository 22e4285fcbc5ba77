"""Which file a checkpoint's name means."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.checkpoints.io import damage
from gan_lightning.errors import UserError
from gan_lightning.run_folder import BEST, LAST, checkpoint_folder


def checkpoint_of(ckpt: str | None, run: str | None) -> str:
    """The checkpoint that ``--ckpt`` and ``--run`` mean together.

    Args:
        ckpt: A file, the folder of a run, or ``last`` or ``best`` of the run.
        run: The folder of a run, whose last checkpoint is meant if nothing else is said.

    Raises:
        UserError: There is no such file, or it is damaged, or nothing is said.
    """
    if run is None and ckpt is not None and Path(ckpt).expanduser().is_dir():
        ckpt, run = None, ckpt
    if run is None and ckpt in (None, "last", "best"):
        raise UserError(
            "is needed: a checkpoint's file, or the folder of a run; best and last want "
            "`run` DIR beside them",
            "ckpt",
        )
    folder = Path(run or ".").expanduser()
    if run is not None and not folder.is_dir():
        raise UserError(f"{run} is no folder; give that of a run", "run")
    return checkpoint_path(folder, ckpt or "last", "ckpt")


def checkpoint_path(run: str | Path, name: str, argument: str = "ckpt_path") -> str:
    """The path that ``--ckpt_path`` means: a file, or the run's own, ``last`` or ``best``.

    Where the last one is damaged, the newest of those beside it that is not takes its place.

    Raises:
        UserError: There is no such file, or it is damaged; lists those that the run has.
    """
    own = {"last": LAST, "best": BEST}
    path = checkpoint_folder(run) / own[name] if name in own else Path(name).expanduser()
    fault = damage(path)
    if fault is None:
        return str(path)
    others = [p for p in _newest_first(checkpoint_folder(run)) if p != path and damage(p) is None]
    if name == "last" and others:
        rank_zero_info(
            f"{path} {fault}; going on from {others[0]} instead, the newest that is whole"
        )
        return str(others[0])
    found = f"there is no file {path}" if fault == "does not exist" else f"{path} {fault}"
    raise UserError(
        f"{name}: {found}. Checkpoints of `run` {run}: "
        f"{', '.join(sorted(p.name for p in others)) or 'none'}",
        argument,
    )


def _newest_first(folder: Path) -> list[Path]:
    """The checkpoints of a run, by when they were saved."""
    return sorted(folder.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
