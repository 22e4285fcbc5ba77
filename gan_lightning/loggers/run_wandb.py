"""W&B for a run: in its folder, resumed as the same run, with its lowest FID and best checkpoint.

wandb itself is imported when a run that asks for it begins, and at no other time.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only

from gan_lightning.errors import UserError, one_line
from gan_lightning.files import write_whole
from gan_lightning.run_folder import BEST, BEST_NOTE, LAST, METRICS, WANDB_ID, checkpoint_folder

PROJECT = "gan_lightning"
"""Where runs go that are told no project."""

CLOCK = "trainer/global_step"
"""Lightning's name of the axis that everything is drawn over."""

LOWER_IS_BETTER = re.compile(r"(.*_)?(fid|kid)")
"""Names of the scores whose lowest value is the run's."""

PATIENCE = {"init_timeout": 30.0, "finish_timeout": 600.0}
"""Seconds that W&B's server is waited for, at the start and at the end."""


class RunWandbLogger(WandbLogger):
    """Lightning's WandbLogger, for the folder of a run.

    What it writes lies in ``<run>/wandb``. The id of the W&B run is kept in ``<run>/wandb_id``, so
    that a run that goes on does so in W&B as well. The summary holds the lowest FID, under the
    FID's own name: W&B's sweeps read no nested metric, which ``define_metric(summary="min")``
    would make. A server that cannot be reached makes the run an offline one.

    The W&B run begins when something is logged first, which is when training has begun: a run that
    is refused leaves no trace there.

    Args:
        run: The run's folder.
        save_dir: Where W&B's files go; ``.`` is the run's folder.
        offline: Record in the folder alone, for ``wandb sync``.
        log_model: Keep the best checkpoint as an artifact, when training ends; offline too.
        version: Another name of ``id``.
        id: The W&B run to go on with, if the folder knows none.
        name: The run's name in W&B; by default that of its folder.
        project: Where it goes; by default WANDB_PROJECT, or gan_lightning.
        checkpoint_name: The artifact's name.
        prefix: Stands before the names of metrics.
        anonymous: No longer known to W&B.
        **kwargs: As ``wandb.init`` takes them.
    """

    def __init__(
        self,
        run: Path,
        save_dir: str | Path = ".",
        offline: bool = False,
        log_model: bool | str = False,
        version: str | None = None,
        id: str | None = None,
        name: str | None = None,
        project: str | None = None,
        checkpoint_name: str | None = None,
        prefix: str = "",
        anonymous: bool | None = None,
        experiment: object = None,
        add_file_policy: Literal["mutable", "immutable"] = "mutable",
        dir: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        place = run if str(save_dir) == "." else Path(save_dir)
        own_name = None if os.environ.get("WANDB_NAME") else run.resolve().name
        self._start: dict[str, Any] = {
            "project": project or os.environ.get("WANDB_PROJECT", PROJECT),
            "name": name or own_name,
            "id": _kept_id(run) or version or id,
            "dir": str(place),
            "resume": "allow",
            **kwargs,
            "settings": _patient(kwargs.get("settings")),
            **({"mode": "offline"} if offline else {}),
        }
        super().__init__(save_dir=place, id=self._start["id"], prefix=prefix)
        self._start_of_names = f"{prefix}{self.LOGGER_JOIN_CHAR}" if prefix else ""
        self._folder = run
        self._artifact_name = checkpoint_name
        self._keeps_best = bool(log_model)
        self._files = add_file_policy
        self._lowest: dict[str, float] = {}
        self._run: Any = None
        self._begins = False
        self._require_login(self._start.get("mode"))

    @staticmethod
    def _require_login(mode: str | None) -> None:
        """Looks for a login without asking for one.

        Raises:
            UserError: There is none.
        """
        import wandb

        mode = mode or wandb.setup().settings.mode
        if mode in ("offline", "dryrun", "disabled"):
            return
        try:
            known = wandb.login(prompt=False, verify=False)
            said = "no login of W&B is known here"
        except (wandb.Error, ValueError) as error:
            known, said = False, f"W&B refuses the login: {one_line(error)}"
        if not known:
            raise UserError(
                f"{said}: run 'wandb login' once, or record the run in its folder alone, with "
                "`offline` true"
            )

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401  (W&B's run)
        """W&B's run; None until something is logged."""
        if self._run is None and self._begins:
            self._run = self._begin()
        return self._run

    def _begin(self) -> Any:  # noqa: ANN401  (W&B's run)
        """Begins the run, or goes on with it; offline if the server cannot be reached."""
        import wandb

        # What waits to be sent waits beside the rest, not in the home folder.
        place = Path(self._start["dir"], "wandb")
        os.environ.setdefault("WANDB_DATA_DIR", str(place.resolve()))
        try:
            run = wandb.init(**self._start)
        except (wandb.Error, OSError) as error:
            rank_zero_info(
                f"W&B cannot be reached ({one_line(error)[:120]}); what follows is recorded in "
                f"{place} alone, to be sent by 'wandb sync'"
            )
            run = wandb.init(**{**self._start, "mode": "offline"})
        run.define_metric(CLOCK)
        run.define_metric("*", step_metric=CLOCK, step_sync=True)
        write_whole(self._folder / WANDB_ID, f"{run.id}\n")
        for name, lowest in _lowest_so_far(self._folder / METRICS).items():
            self._note_lowest(run, name, lowest)
        return run

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Logs the config."""
        self._begins = True
        super().log_hyperparams(*args, **kwargs)

    # -------------------------------------------------------------------------------- while it runs

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs, and lets the summary hold the lowest FID instead of the last."""
        self._begins = True
        run = self.experiment
        scores = {name: metrics[name] for name in metrics if LOWER_IS_BETTER.fullmatch(name)}
        for name in scores.keys() - self._lowest.keys():
            self._note_lowest(run, name, float("inf"))
        super().log_metrics(metrics, step)
        for name, score in scores.items():
            self._note_lowest(run, name, float(score))

    def _note_lowest(self, run: Any, name: str, score: float) -> None:  # noqa: ANN401  (W&B's run)
        """Sets a score in the summary, if it is the lowest; W&B itself leaves it alone."""
        own = self._prefixed(name)
        if name not in self._lowest:
            run.define_metric(own, summary="none", step_metric=CLOCK, step_sync=True)
        if score < self._lowest.setdefault(name, float("inf")):
            self._lowest[name] = score
            run.summary[own] = score

    def _prefixed(self, name: str) -> str:
        return f"{self._start_of_names}{name}"

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Keeps the best checkpoint, and ends W&B's run: as finished, or as failed."""
        run, self._run, self._begins = self._run, None, False
        if run is None:
            return
        try:
            if self._keeps_best:
                self._keep_best(run)
        finally:
            run.finish(exit_code=0 if status == "success" else 1)

    def _keep_best(self, run: Any) -> None:  # noqa: ANN401  (W&B's run)
        """Logs ``best.ckpt``, or the last one where nothing was scored, as an artifact."""
        import wandb

        folder = checkpoint_folder(self._folder)
        name = next((name for name in (BEST, LAST) if (folder / name).exists()), None)
        if name is None:
            return
        note = folder / BEST_NOTE
        facts = json.loads(note.read_text()) if name == BEST and note.exists() else {}
        artifact = wandb.Artifact(self._artifact_name or f"gan-{run.id}", "model", metadata=facts)
        artifact.add_file(str(folder / name), name=name, policy=self._files)
        run.log_artifact(artifact, aliases=[Path(name).stem])


def _kept_id(run: Path) -> str | None:
    """The id of the W&B run that a folder's run is."""
    try:
        return (run / WANDB_ID).read_text().strip() or None
    except OSError:
        return None


def _patient(settings: object) -> Any:  # noqa: ANN401  (a mapping, or W&B's Settings)
    """Settings with waits that end; what the user says, or the environment, stays."""
    if settings is not None and not isinstance(settings, Mapping):
        return settings
    waits = {k: v for k, v in PATIENCE.items() if f"WANDB_{k.upper()}" not in os.environ}
    return {**waits, **(settings or {})}


def _lowest_so_far(metrics: Path) -> dict[str, float]:
    """The lowest value of each such score in the rows of a run that goes on."""
    if not metrics.exists():
        return {}
    lowest: dict[str, float] = {}
    with metrics.open(newline="") as file:
        for row in csv.DictReader(file):
            for name in filter(LOWER_IS_BETTER.fullmatch, filter(None, row)):
                if row[name]:
                    lowest[name] = min(float(row[name]), lowest.get(name, float("inf")))
    return lowest
