"""The Inception extractor with random weights: its real forward pass, and every wrong file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import file_sha256
from gan_lightning.extractors.inception import (
    URL,
    default_weights,
    inception,
    torch_fidelity_network,
)
from gan_lightning.scores.fid import Gaussian, Moments, frechet_distance
from gan_lightning.scores.sources import NoiseImages


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torch-fidelity's, with random weights."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        patch.setattr(
            "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url",
            lambda *args, **kwargs: {},
        )
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("inception", ["2048"])
        for part in network.modules():  # as after training, so that folding has work to do
            if isinstance(part, torch.nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                torch.nn.init.normal_(part.running_mean, 0.0, 0.1)
                torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
                torch.nn.init.uniform_(part.weight, 1.0, 2.0)
                torch.nn.init.normal_(part.bias, 0.0, 0.1)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def extractor(weights: Path) -> inception:
    extractor = inception(str(weights), sha256=file_sha256(weights))
    extractor.prepare()
    return extractor


IMAGES = NoiseImages((3, 32, 32), 3).block(0, 3)[0]


def test_features_and_the_first_thousand_logits_come_from_one_pass(extractor: inception) -> None:
    features, logits = extractor(IMAGES)
    assert (features.shape, features.dtype) == ((3, 2048), torch.float32)
    assert logits.shape == (3, 1000)
    assert extractor.network is not None
    head = extractor.network.head
    expected = features @ head.weight.T + head.bias
    torch.testing.assert_close(logits, expected[:, :1000], rtol=1e-4, atol=1e-4)


def test_the_folded_network_is_torch_fidelitys_own(weights: Path, extractor: inception) -> None:
    own = torch_fidelity_network(torch.load(weights, weights_only=True))
    images = NoiseImages((3, 32, 32), 6).block(0, 6)[0]
    with torch.no_grad():
        expected, logits = own(images)
        features, got = extractor(images)
    assert (features - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (got - logits[:, :1000]).abs().max() < 1e-5 * logits.abs().max()
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in extractor.modules())
    halves = [
        tuple(gaussian_of(x[rows, :100]) for rows in (slice(3), slice(3, 6)))
        for x in (expected, features)
    ]
    unfolded, folded = (frechet_distance(*pair) for pair in halves)
    assert unfolded > 0
    assert folded == pytest.approx(unfolded, rel=1e-4)


def gaussian_of(features: torch.Tensor) -> Gaussian:
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments.gaussian()


def test_weights_are_read_without_running_what_is_in_the_file(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "owned",))

    path = tmp_path / "weights.pth"
    torch.save({"weight": Payload()}, path)
    with pytest.raises(UserError, match="holds no weights that can be read"):
        inception(str(path), sha256=file_sha256(path)).prepare()
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("arguments", "name", "counted"),
    [
        ({}, "inception", 1000),
        ({"logits": "unbiased1008"}, "inception1008", 1008),
        ({"logits": "sngan"}, "inception_sngan", 1000),
        ({"resize": "clean"}, "clean", 1000),
        ({"resize": "clean", "logits": "unbiased1008"}, "clean_inception1008", 1008),
    ],
)
def test_every_variant_has_a_name_and_a_fingerprint_of_its_own(
    arguments: dict[str, Any], name: str, counted: int
) -> None:
    variant = inception(**arguments)
    assert variant.name == name
    assert len(range(variant.num_classes)[variant.counted_classes]) == counted
    assert (variant.fingerprint == inception().fingerprint) == (arguments == {})


@pytest.mark.slow
def test_the_literatures_logits_are_all_1008_without_bias(
    weights: Path, extractor: inception
) -> None:
    other = inception(str(weights), logits="unbiased1008", sha256=file_sha256(weights))
    other.prepare()
    features, logits = other(IMAGES)
    assert torch.equal(features, extractor(IMAGES)[0])
    assert extractor.network is not None
    expected = features @ extractor.network.head.weight.T
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert (other.name, other.num_classes) == ("inception1008", 1008)
    assert other.fingerprint != extractor.fingerprint


def test_it_is_frozen_and_stays_in_evaluation_mode(extractor: inception) -> None:
    extractor.train()
    assert not any(part.training for part in extractor.modules())
    assert not any(p.requires_grad for p in extractor.parameters())


def test_preparing_draws_no_random_numbers(weights: Path) -> None:
    before = torch.random.get_rng_state()
    inception(str(weights), sha256=file_sha256(weights)).prepare()
    assert torch.equal(before, torch.random.get_rng_state())


def test_grey_images_are_refused() -> None:
    with pytest.raises(UserError, match="RGB"):
        inception().check((1, 32, 32))


def test_a_file_with_another_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(UserError, match="SHA-256"):
        inception(str(path)).prepare()


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="does not hold"):
        inception(str(path), sha256=file_sha256(path)).prepare()


def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))


@pytest.mark.parametrize("weights_option", [None, "absent.pth"])
def test_missing_weights_are_explained_in_one_message(
    weights_option: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offline(monkeypatch, tmp_path)
    place = tmp_path / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    with pytest.raises(UserError) as caught:
        inception(weights_option).prepare()
    message = str(caught.value)
    for said in (URL, str(place), "weights", "digits", "gan extractor"):
        assert said in message
    assert not place.exists()


def test_weights_in_torch_hubs_folder_are_found(
    weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offline(monkeypatch, tmp_path)
    default_weights().parent.mkdir()
    default_weights().symlink_to(weights)
    inception(sha256=file_sha256(weights)).prepare()
