"""A job is put back into SLURM's queue once, and what became of it is one sentence."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from gan_lightning.runs.slurm import asks_to_requeue, requeue
from tests.runs import scontrol


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return scontrol.install(tmp_path, monkeypatch)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.mark.usefixtures("told")
def test_in_a_job_only_one_signal_asks() -> None:
    assert asks_to_requeue(signal.SIGUSR1)
    others = set(signal.Signals) - {signal.SIGUSR1}
    assert not any(asks_to_requeue(number) for number in others)


@pytest.mark.usefixtures("outside")
def test_outside_of_a_job_no_signal_asks() -> None:
    assert not any(asks_to_requeue(number) for number in signal.Signals)


def test_the_job_is_put_back_once(told: Path) -> None:
    assert requeue() == "Requeued SLURM job 77"
    assert told.read_text() == "requeue 77\n"


@pytest.mark.parametrize(
    ("array", "job"),
    [
        ({"JOB_ID": "5", "TASK_ID": "3"}, "5_3"),
        ({"JOB_ID": "5", "TASK_ID": "0"}, "5_0"),
        ({"JOB_ID": "5"}, "77"),
        ({"TASK_ID": "3"}, "77"),
    ],
)
def test_of_an_array_it_is_this_task(
    told: Path, monkeypatch: pytest.MonkeyPatch, array: dict[str, str], job: str
) -> None:
    """And not the whole array, whose other tasks go on."""
    for name, value in array.items():
        monkeypatch.setenv(f"SLURM_ARRAY_{name}", value)
    assert requeue() == f"Requeued SLURM job {job}"
    assert told.read_text() == f"requeue {job}\n"


@pytest.mark.parametrize("rank", ["1", "12"])
def test_the_other_processes_of_a_job_leave_it_to_the_first(
    told: Path, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    monkeypatch.setenv("SLURM_PROCID", rank)
    assert requeue() == ""
    assert not told.exists()


def test_a_process_without_a_number_is_the_first(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_PROCID")
    assert requeue() == "Requeued SLURM job 77"
    assert told.exists()


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("echo ' Job is pending\n' >&2; exit 1", "Job is pending"),
        ("exit 3", "3"),
    ],
    ids=["with a reason", "without"],
)
def test_a_refusal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, why: str
) -> None:
    scontrol.install(tmp_path, monkeypatch, then)
    assert requeue() == f"Could not requeue SLURM job 77: {why}"


def test_a_machine_without_scontrol_is_told(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = requeue()
    assert said.startswith("Could not requeue SLURM job 77: ")
    assert "scontrol" in said
    assert not told.exists()
