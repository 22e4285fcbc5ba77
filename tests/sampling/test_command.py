"""`gan sample`: every file that it makes, read back."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning import GAN, cli
from gan_lightning.errors import UserError
from gan_lightning.images import latents_at, pixels_of
from gan_lightning.sampling.command import sample
from gan_lightning.sampling.interpolation import between
from gan_lightning.sampling.pictures import save_grid
from gan_lightning.scores.sources import read_images
from tests.conftest import Gan

CLASSES = ["--model.generator=ConditionalCNNGenerator", "--model.generator.latent_dim=6"]
CLASSES += ["--model.generator.width=2", "--model.discriminator=ProjectionCNNDiscriminator"]
CLASSES += ["--model.discriminator.width=2"]
SHORT = ["--trainer.max_steps=2", "--trainer.limit_val_batches=0"]


@pytest.fixture
def run(gan: Gan, tmp_path: Path) -> Path:
    """After which images are no longer the same grey."""
    gan(*SHORT, "--ema.decay=0.5", "--model.generator_optimizer.lr=0.1", *CLASSES)
    return tmp_path / "run"


def test_each_file_holds_what_it_says(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = "--count 23 --columns 5 --seed 4 --singles true --interpolations 2 --steps 3"
    cli.main(["sample", str(run), "--out", str(out), *options.split()])
    gan = GAN.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    wanted = gan.sample(23, seed=4)
    assert len({image.numpy().tobytes() for image in wanted}) == 23
    with np.load(out / "images.npz") as file:
        assert np.array_equal(file["images"], wanted.permute(0, 2, 3, 1).numpy())
        assert file["labels"].tolist() == [i % 10 for i in range(23)]
    assert len(read_images(out / "images.npz", 1)) == 23
    singles = sorted((out / "images").iterdir())
    assert [path.name for path in singles] == [f"{i:05d}.png" for i in range(23)]
    for path, image in zip(singles, wanted, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), image[0].numpy())
    save_grid(wanted, tmp_path / "grid.png", 5)
    assert (out / "grid.png").read_bytes() == (tmp_path / "grid.png").read_bytes()
    # row r goes from image 2r to image 2r + 1, in the class of the first
    ends = latents_at(gan.generator, range(4), 4, "sample")
    rows = [
        pixels_of(gan.generator, between(a, b, 3), (torch.full((3,), label),))
        for a, b, label in ((ends[0], ends[1], 0), (ends[2], ends[3], 2))
    ]
    assert torch.equal(rows[1][0], wanted[2])
    save_grid(torch.cat(rows), tmp_path / "rows.png", 3)
    assert (out / "interpolations.png").read_bytes() == (tmp_path / "rows.png").read_bytes()


def test_a_seed_that_is_none_is_refused(tmp_path: Path) -> None:
    """Before a run is looked for."""
    with pytest.raises(UserError, match=r"^seed -1 is not allowed"):
        sample(str(tmp_path / "out"), ckpt="last", run=str(tmp_path / "nowhere"), seed=-1)


def test_classes_and_the_moving_average(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sample(str(out), ckpt="last", run=str(run), count=4, classes=[7], ema=True)
    gan = GAN.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    with np.load(out / "images.npz") as file:
        got = torch.from_numpy(file["images"]).permute(0, 3, 1, 2)
        assert file["labels"].tolist() == [7] * 4
    assert torch.equal(got, gan.sample(4, classes=[7], ema=True))
    assert not torch.equal(got, gan.sample(4, classes=[7]))


def test_the_nearest_are_written_row_by_row(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--count 6 --data digits --extractor digits --neighbours 2 --compared 3 --columns 2"
    cli.main(["sample", "--run", str(run), "--out", "out", *options.split()])
    with Path("out/nearest.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["image"], row["neighbour"]) for row in table] == [
        (str(i), str(k)) for i in range(3) for k in (1, 2)
    ]
    with Image.open("out/nearest.png") as picture:
        assert picture.size == (4 * (3 * 17 + 1), 4 * (3 * 17 + 1))


MISTAKES = {
    "--run {run} --count 0": r"--count must be >= 1, got 0",
    "--run {run} --steps 1": r"--steps must be >= 2",
    "--run {run} --classes [10]": r"class 10 is not known; the classes are 0 to 9",
    "--run {run} --way round": r"--way round: expected one of",
    "--run {run} --ckpt best": r"--ckpt best: there is no file .*Checkpoints of --run .*last.ckpt",
    "--ckpt best": r"--ckpt is needed: .*--run DIR",
    "--run {tmp}/none": r"--run .*none is no folder",
    "--ckpt {run}/config.yaml": r"--ckpt .*config.yaml is damaged or no checkpoint",
}


def test_mistakes_take_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line, said in MISTAKES.items():
        options = line.format(run=run, tmp=tmp_path).split()
        with pytest.raises(SystemExit) as exit_:
            cli.main(["sample", "--out", str(tmp_path / "out"), *options])
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert exit_.value.code == 2
        assert re.search(said, message), message
