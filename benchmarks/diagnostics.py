"""What looking at the discriminator costs, beside the iterations it looks at.

``python -m benchmarks.diagnostics [CONFIG]`` trains with every diagnostic and the advisor, and adds
up the processor time of their looks. Writes benchmarks/results/diagnostics.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gan_lightning import cli
from gan_lightning.callbacks import Advisor, Diagnostics
from gan_lightning.gan import GAN

RESULT = Path(__file__).with_name("results") / "diagnostics.json"
EVERY = 100
ALL = (
    "gradient_norm,variance,spectral_norm_out,spectral_norm_in,spectral_norm_conv,norm_ratio,"
    "spectra,input_gradient_norm,output,loss_slope,diversity"
)


class Clock:
    """Adds up the processor time of calls."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: Any) -> Any:  # noqa: ANN401  (whatever the function returns)
            start = time.process_time()
            result = function(*args)
            self.seconds.append(time.process_time() - start)
            return result

        return timed


def main(config: str = "configs/digits.yaml", steps: int = 2 * EVERY) -> None:
    """Trains, and prints the share of the looks."""
    torch.set_num_threads(1)
    looks, advice, iterations = Clock(), Clock(), Clock()
    for owner, name, clock in (
        (Diagnostics, "_look", looks),
        (Advisor, "_look", advice),
        (GAN, "training_step", iterations),
    ):
        setattr(owner, name, clock.around(getattr(owner, name)))
    with tempfile.TemporaryDirectory() as folder:
        options = ["fit", "--config", config, "--run", folder, "--trainer.max_steps", str(steps)]
        options += ["--trainer.limit_val_batches", "0", "--trainer.enable_progress_bar", "false"]
        options += ["--diagnostics.of", f"[{ALL}]", "--diagnostics.every_n_steps", str(EVERY)]
        options += ["--samples.every_n_steps", "0", "--advisor.every_n_steps", str(EVERY)]
        cli.run([*options, "--trainer.val_check_interval", str(steps)])
    inside = sum(looks.seconds[1:]) + sum(advice.seconds[1:])  # the first are before any update
    iteration = (sum(iterations.seconds) - inside) / steps
    look = sum(looks.seconds[1:]) / len(looks.seconds[1:])
    one_advice = sum(advice.seconds[1:]) / len(advice.seconds[1:])
    result = {
        "config": config,
        "iteration_ms": 1000 * iteration,
        "look_ms": 1000 * look,
        "advice_ms": 1000 * one_advice,
        "share_of_all_diagnostics_every_100": look / (EVERY * iteration),
        "share_of_advice_every_250": one_advice / (250 * iteration),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(next(iter(sys.argv[1:]), "configs/digits.yaml"))
