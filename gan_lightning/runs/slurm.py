"""What a job asks of SLURM when its time runs out."""

from __future__ import annotations

import os
import signal
import subprocess


def asks_to_requeue(number: int) -> bool:
    """Whether this signal is SLURM's announcement that the job's time runs out.

    As ``sbatch --signal=USR1@90`` sends it.
    """
    usr1 = getattr(signal, "SIGUSR1", None)
    return number == usr1 and "SLURM_JOB_ID" in os.environ


def requeue() -> str:
    """Puts this job back into the queue, once for all its processes.

    Returns:
        One sentence about what became of it; nothing in the other processes of the job.
    """
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return ""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    job = f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]
    try:
        done = subprocess.run(
            ["scontrol", "requeue", job], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Could not requeue SLURM job {job}: {error}"
    if done.returncode:
        return f"Could not requeue SLURM job {job}: {done.stderr.strip() or done.returncode}"
    return f"Requeued SLURM job {job}"
