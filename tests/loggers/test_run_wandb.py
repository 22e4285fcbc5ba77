"""What a run leaves in W&B, read back from the file that `wandb sync` would send."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gan_lightning import cli
from gan_lightning.loggers.run_wandb import LOWER_IS_BETTER, _lowest_so_far
from tests.conftest import ROOT, Gan, rows

BLOCK, HEAD = 32768, 7


def records(path: Path) -> Iterator[Any]:
    """The records of a ``.wandb`` file: LevelDB's log format, W&B's own messages in it."""
    from wandb.proto import wandb_internal_pb2 as messages

    data, position, whole = path.read_bytes(), HEAD, b""  # after W&B's mark
    while position + HEAD <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEAD:
            position += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, position)
        whole += data[position + HEAD : position + HEAD + size]
        position += HEAD + size
        if kind in (1, 4):  # all of a record, or the end of one
            record = messages.Record()  # type: ignore[attr-defined]  # made at run time
            record.ParseFromString(whole)
            whole = b""
            yield record


class Session:
    """One session of a run, as W&B has it."""

    def __init__(self, path: Path) -> None:
        self.id, self.summary, self.artifacts = "", {}, []  # type: str, dict[str, Any], list[Any]
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.exit_code: int | None = None
        for record in records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.id = record.run.run_id
            elif kind == "config":
                self.config |= {u.key: json.loads(u.value_json) for u in record.config.update}
            elif kind == "summary":
                for update in record.summary.update:
                    name = update.key or ".".join(update.nested_key)
                    self.summary[name] = json.loads(update.value_json)
            elif kind == "history":
                pairs = (
                    (i.key or ".".join(i.nested_key), i.value_json) for i in record.history.item
                )
                self.history.append({key: json.loads(value) for key, value in pairs})
            elif kind == "artifact":
                self.artifacts.append(record.artifact)
            elif kind == "exit":
                self.exit_code = record.exit.exit_code

    def column(self, name: str) -> list[tuple[int, float]]:
        clock = "trainer/global_step"
        return [(int(row[clock]), row[name]) for row in self.history if name in row]


def sessions(run: Path) -> list[Session]:
    return [Session(path) for path in sorted(run.glob("wandb/offline-run-*/*.wandb"))]


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a login, and none of the variables that an agent sets."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # so that what the run sets is undone
    monkeypatch.delenv("WANDB_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "netrc"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)


WANDB = ["--config", str(ROOT / "configs" / "wandb.yaml")]
OFFLINE = [*WANDB, "--trainer.logger.offline", "true"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_run_and_its_resumption_are_one_run(gan: Gan, tmp_path: Path) -> None:
    run = tmp_path / "run"
    gan(*OFFLINE, "--model.generator_batch_size=null", "--samples.every_n_steps=4")
    (one,) = sessions(run)
    assert (run / "wandb_id").read_text().strip() == one.id
    assert one.exit_code == 0
    # the config as it is, null and lists included
    assert one.config["seed_everything"] == 0
    assert one.config["model"]["generator_batch_size"] is None
    assert one.config["model"]["generator_optimizer"]["init_args"]["betas"] == [0.5, 0.999]
    assert one.config["data"]["init_args"]["batch_size"] == 4
    # the same numbers as metrics.csv
    own = [(int(row["step"]), float(row["generator_loss"])) for row in rows(run)]
    assert one.column("generator_loss") == own
    fid = [(int(r["step"]), float(r["digits_fid"])) for r in rows(run) if r["digits_fid"]]
    assert one.column("digits_fid") == fid
    assert [step for step, _ in one.column("samples._type")] == [4, 6]
    assert one.summary["digits_fid"] == min(score for _, score in fid)
    (artifact,) = one.artifacts
    assert artifact.type == "model"
    assert "best" in artifact.aliases
    assert json.loads(artifact.metadata)["score"] == one.summary["digits_fid"]
    (entry,) = artifact.manifest.contents
    assert entry.path == "best.ckpt"
    assert Path(entry.local_path).is_relative_to(run)
    assert Path(entry.local_path).read_bytes() == (run / "checkpoints" / "best.ckpt").read_bytes()
    # going on, with a score that is worse than the best
    lowest = one.summary["digits_fid"]
    text = (run / "metrics.csv").read_text().replace(repr(lowest), "0.5")
    (run / "metrics.csv").write_text(text)
    gan(*OFFLINE, "--ckpt_path=last", "--trainer.max_steps=8")
    _, two = sessions(run)
    assert two.id == one.id
    assert [step for step, _ in two.column("generator_loss")] == [8]
    assert [step for step, _ in two.column("digits_fid")] == [8]
    assert two.summary["digits_fid"] == 0.5
    # looking at it opens no run
    gan(*OFFLINE, "--ckpt_path=last", subcommand="validate")
    gan(*OFFLINE, "--ckpt_path=last", subcommand="predict")
    assert len(sessions(run)) == 2
    # a refused resumption neither
    with pytest.raises(Exception, match="is less than the 8 iterations"):
        gan(*OFFLINE, "--ckpt_path=last", "--trainer.max_steps=2")
    assert len(sessions(run)) == 2
    assert not (tmp_path / "wandb").exists()  # nothing in the working directory


@pytest.mark.parametrize("key", [None, "abc"])
def test_without_a_login_there_is_one_sentence(
    tiny: Path,
    tmp_path: Path,
    key: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["fit", "--config", str(tiny), *WANDB, "--run", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert exit_.value.code == 2
    assert re.search("(no login of W&B|refuses the login).*--trainer.logger.offline true", error)
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_wandb_is_imported_by_no_other_run(tiny: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from gan_lightning import cli; "
        f"cli.main(['fit', '--config', {str(tiny)!r}, '--run', {str(tmp_path / 'r')!r}, "
        "'--trainer.max_steps=2', '--trainer.limit_val_batches=0']); "
        "assert not {'wandb', 'tensorboard', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_which_scores_are_best_when_low() -> None:
    yes = {"fid", "digits_fid", "ema_digits_fid", "kid", "ema_kid"}
    no = {"fid_real", "is_mean", "memorized", "fids", "discriminator_loss"}
    assert {name for name in yes | no if LOWER_IS_BETTER.fullmatch(name)} == yes


def test_the_lowest_so_far_is_that_of_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert _lowest_so_far(path) == {}
    path.write_text("step,loss,fid,ema_fid\n2,1.0,,\n4,0.1,7.5,\n6,0.1,9.5,3.0\n")
    assert _lowest_so_far(path) == {"fid": 7.5, "ema_fid": 3.0}
