"""BSSN Figs. 3, 14 and 15: gradients follow spectral norms when layers are rescaled.

``python -m benchmarks.rescaling RUN`` rescales the layers of a run's discriminator at random, as
`gan_lightning.analysis.rescaling` says, looks at 64 real images, and writes ``rescaling.csv`` into
the run's folder, which ``gan report --figure bssn-3`` draws. Prints how far the points lie from the
diagonal.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from pathlib import Path

import torch
import yaml
from jsonargparse import ArgumentParser

from gan_lightning import GAN
from gan_lightning.analysis.rescaling import Ratios, rescaling_study
from gan_lightning.data import ImageData
from gan_lightning.data.loading import Pixels, to_batch
from gan_lightning.run_folder import CONFIG, LAST, RESCALING, checkpoint_folder
from gan_lightning.streams import stream


def real_images(run: Path, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Some of the images that a run was trained on, as its networks see them, with their labels."""
    parser = ArgumentParser()
    parser.add_subclass_arguments(ImageData, "data")
    options = yaml.safe_load((run / CONFIG).read_text())["data"]
    data: ImageData = parser.instantiate(parser.parse_object({"data": options})).data
    data.prepare_data()
    prepared = data.opened("train")
    index = stream(0, "rescaling", 0).integers(0, len(prepared.images), count)
    labels = None if prepared.labels is None else torch.from_numpy(prepared.labels[index])
    batch = to_batch(Pixels(torch.from_numpy(prepared.rows(index)), labels, None), data.value_range)
    return batch.images, batch.labels


def study(run: Path, draws: int, mean: float, count: int) -> list[Ratios]:
    """The study of a run's last checkpoint."""
    gan = GAN.load_from_checkpoint(checkpoint_folder(run) / LAST, map_location="cpu")
    images, labels = real_images(run, count)
    known = (labels,) if gan.is_conditional and labels is not None else ()
    return rescaling_study(gan.discriminator, images, known, draws, mean)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rescaling")
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--draws", type=int, default=20, help="random rescalings")
    parser.add_argument("--mean", type=float, default=1.0, help="geometric mean of the norms")
    parser.add_argument("--images", type=int, default=64, help="real images to average over")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = study(asked.run, asked.draws, asked.mean, asked.images)
    with (asked.run / RESCALING).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Ratios._fields)
        writer.writerows(rows)
    for layer in dict.fromkeys(row.layer for row in rows):
        offsets = [math.log10(r.gradient / r.spectral) for r in rows if r.layer == layer]
        factor = 10 ** statistics.mean(offsets)
        print(f"{layer}: gradient ratio / inverse ratio of spectral norms = {factor:.3g}")


if __name__ == "__main__":
    main()
