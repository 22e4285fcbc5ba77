"""Makes the weights of `digits`: ``python -m gan_lightning.extractors.train_digits``.

The same bytes come out on every machine: all arithmetic is float64 on one thread, and the weights
are rounded to multiples of 2^-12, far above the rounding errors in which machines differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.extractors.digits import WEIGHTS, DigitsNetwork
from gan_lightning.streams import stream

_STEPS, _BATCH, _HELD_OUT = 600, 64, 300
_GRID = 2.0**12  # weights are multiples of its inverse


def digit_images() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits as the dataset ``digits`` enlarges them: bilinear, half rounded up.

    Returns:
        uint8 ``(1797, 1, 16, 16)`` and int64 ``(1797,)``.
    """
    from sklearn.datasets import load_digits

    bundled = load_digits()
    small = torch.from_numpy(np.round(bundled.images * (255 / 16)))[:, None]
    large = F.interpolate(small, size=16, mode="bilinear", align_corners=False)
    return (large + 0.5).floor().to(torch.uint8), torch.from_numpy(bundled.target)


def train() -> tuple[dict[str, Tensor], float]:
    """Trains the network.

    Returns:
        Its weights in float32, and its accuracy on held-out digits, 0 to 1.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _train(*digit_images())
    finally:
        torch.set_num_threads(threads)


def _train(images: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], float]:
    network = _initialized()
    x = images.double()
    order = torch.from_numpy(stream(0, "split", 0).permutation(len(x)))
    held_out, kept = order[:_HELD_OUT], order[_HELD_OUT:]
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, _STEPS)
    for step in range(_STEPS):
        batch = kept[torch.from_numpy(stream(0, "batch", step).integers(len(kept), size=_BATCH))]
        loss = F.cross_entropy(network(x[batch])[1], labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    state = {k: ((v * _GRID).round() / _GRID).float() for k, v in network.state_dict().items()}
    network.load_state_dict(state)
    with torch.no_grad():
        correct = network(x[held_out])[1].argmax(1) == labels[held_out]
    return state, float(correct.double().mean())


def _initialized() -> DigitsNetwork:
    """A float64 network with He's initial weights, from numpy's stable streams."""
    with torch.device("meta"):
        network = DigitsNetwork().double()
    rng = stream(0, "weights", 0)
    state = {
        name: torch.zeros(tensor.shape, dtype=torch.float64)
        if name.endswith("bias")
        else torch.from_numpy(
            rng.standard_normal(tuple(tensor.shape)) / np.sqrt(tensor[0].numel() / 2)
        )
        for name, tensor in network.state_dict().items()
    }
    network.load_state_dict(state, assign=True)
    return network.requires_grad_()


def main(path: Path) -> None:
    """Writes the weights to a file."""
    from safetensors.torch import save_file

    state, accuracy = train()
    save_file(state, path, metadata={"accuracy": f"{accuracy:.4f}"})
    print(f"{path}: {path.stat().st_size} bytes, accuracy on held-out digits {accuracy:.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name(WEIGHTS))
