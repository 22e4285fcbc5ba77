"""What would make an evaluation fail is found before anything is trained."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import Callback

from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.inception import inception
from gan_lightning.scores.kid import kid
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.scores.protocol import paper
from tests.callbacks import runs
from tests.conftest import Gan

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*number of training batches",
    "ignore:.*LeafSpec",  # lightning, of torch
    "ignore:.*cannot be pickled",
)


class NeverTrains(Callback):
    """Fails as soon as training starts."""

    def on_train_start(self, *args: Any) -> None:
        raise AssertionError("training started")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"extractor": inception("absent.pth")}, r"^weights absent\.pth is no file"),
        ({"protocol": paper()}, "wants 5000 real images, but the dataset has 1797"),
        ({"real": "absent.npz"}, "cannot read the statistics absent.npz"),
        ({"metrics": [kid(2, 1798, 1798)]}, "kid draws subsets of 1798 .* 1797 real"),
        ({"metrics": [precision_recall(1797, 1798)]}, "1797 neighbours"),
        ({"reference": "test"}, "no test split"),
    ],
)
def test_what_would_fail_is_found_before_training(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    callback = Evaluation(**({"extractor": digits()} | arguments))
    with pytest.raises(UserError, match=message):
        runs.fit(tmp_path, [callback, NeverTrains()])


class mistyped(digits_data):
    """Digits whose held-out images are looked for where none are."""

    splits = ("train", "test")

    def load(self, split: Split) -> Prepared:
        if split == "test":
            raise UserError("there is no folder of held-out images")
        return super().load(split)


def test_held_out_images_that_are_missing_are_found_before_training(tmp_path: Path) -> None:
    trainer = runs.trainer(tmp_path, [runs.evaluation(compare=True), NeverTrains()])
    with pytest.raises(UserError, match="no folder of held-out images"):
        trainer.fit(runs.gan(), mistyped(batch_size=8))


def test_missing_weights_are_found_before_a_dataset_is_prepared(gan: Gan, tmp_path: Path) -> None:
    top = tmp_path / "images"
    top.mkdir()
    (top / "broken.png").write_bytes(b"preparing would complain of this")
    options = ["--data=folder", f"--data.root={top}", "--data.size=16", "--data.batch_size=1"]
    options += ["--evaluation.extractor=inception", "--evaluation.extractor.weights=absent.pth"]
    with pytest.raises(UserError, match=r"absent\.pth is no file"):
        gan(*options)
    with pytest.raises(UserError, match=r"broken\.png"):  # where there are to be no scores
        gan(*options, "--trainer.limit_val_batches=0", folder="other")


def test_a_cache_in_a_file_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    callback = runs.evaluation(cache=str(tmp_path / "file" / "folder"))
    with pytest.raises(UserError, match="another folder by `cache`"):
        runs.fit(tmp_path, [callback, NeverTrains()])


def test_images_of_another_size_are_found_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = import_module("gan_lightning.extractors.digits")  # not the class of that name
    monkeypatch.setattr(room, "IMAGE_SHAPE", (1, 8, 8))
    with pytest.raises(UserError, match="judges 1 x 8 x 8"):
        runs.fit(tmp_path, [runs.evaluation(), NeverTrains()])
