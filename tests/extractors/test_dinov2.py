"""DINOv2's network against a literal transformer, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.extractors.dinov2 import VisionTransformer, dinov2
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import ArrayImages, NoiseImages

WIDTH, DEPTH = 128, 2


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Weights of a small network, under the release's names."""
    network = VisionTransformer(WIDTH, DEPTH, side=37)
    rng = torch.Generator().manual_seed(0)
    random = {k: torch.randn(v.shape, generator=rng) for k, v in network.state_dict().items()}
    return {k: v / math.sqrt(max(1, v[0].numel())) for k, v in random.items()}


@pytest.fixture(scope="module")
def weights(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dinov2") / "weights.pth"
    torch.save({**state, "mask_token": torch.zeros(1, WIDTH)}, path)
    return path


@pytest.fixture(scope="module")
def extractor(weights: Path) -> dinov2:
    extractor = dinov2(str(weights))
    extractor.prepare()
    return extractor


def normalized(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    result: np.ndarray = (x - mean) / np.sqrt(variance + 1e-6) * scale + shift
    return result


def literally(w: dict[str, np.ndarray], pixels: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """One image through the transformer, patch by patch and head by head."""
    size = pixels.shape[1] // 14
    kernel, bias = w["patch_embed.proj.weight"], w["patch_embed.proj.bias"]
    patches = [
        (kernel * pixels[:, 14 * i : 14 * i + 14, 14 * j : 14 * j + 14]).sum((1, 2, 3)) + bias
        for i in range(size)
        for j in range(size)
    ]
    x = np.stack([w["cls_token"][0, 0], *patches]) + positions
    for b in range(DEPTH):
        p = {k.split(".", 2)[2]: v for k, v in w.items() if k.startswith(f"blocks.{b}.")}
        h = normalized(x, p["norm1.weight"], p["norm1.bias"])
        qkv = h @ p["attn.qkv.weight"].T + p["attn.qkv.bias"]
        heads = []
        for head in range(WIDTH // 64):
            q, k, v = (qkv[:, part * WIDTH + 64 * head :][:, :64] for part in range(3))
            fit = np.exp(q @ k.T / 8)
            heads.append(fit / fit.sum(1, keepdims=True) @ v)
        branch = np.concatenate(heads, 1) @ p["attn.proj.weight"].T + p["attn.proj.bias"]
        x = x + p["ls1.gamma"] * branch
        h = normalized(x, p["norm2.weight"], p["norm2.bias"])
        h = h @ p["mlp.fc1.weight"].T + p["mlp.fc1.bias"]
        h = h * 0.5 * (1 + np.vectorize(math.erf)(h / math.sqrt(2)))
        x = x + p["ls2.gamma"] * (h @ p["mlp.fc2.weight"].T + p["mlp.fc2.bias"])
    return np.asarray(normalized(x, w["norm.weight"], w["norm.bias"])[0])


def test_the_class_token_is_that_of_a_literal_transformer(
    state: dict[str, Tensor], extractor: dinov2
) -> None:
    image = NoiseImages((3, 224, 224), 1).block(0, 1)[0]
    features, logits = extractor(image)
    assert (features.shape, logits.shape) == ((1, WIDTH), (1, 0))
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = (image[0].double().numpy() / 255 - mean[:, None, None]) / deviation[:, None, None]
    grid = state["pos_embed"][:, 1:].view(1, 37, 37, WIDTH).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=16.1 / 37, mode="bicubic")  # the release's own way
    positions = torch.cat([state["pos_embed"][0, :1], grid[0].flatten(1).T]).numpy()
    w = {name: tensor.double().numpy() for name, tensor in state.items()}
    np.testing.assert_allclose(features[0], literally(w, pixels, positions), rtol=1e-3, atol=1e-4)


def test_positions_of_the_trained_size_are_used_as_they_are(state: dict[str, Tensor]) -> None:
    network = VisionTransformer(WIDTH, DEPTH, side=37)
    network.load_state_dict(state)
    assert network._positions(37, 37) is network.pos_embed
    smaller = network._positions(16, 16)
    assert smaller.shape == (1, 257, WIDTH)
    assert torch.equal(smaller[:, 0], network.pos_embed[:, 0])


def test_it_gives_a_distance_of_its_name_and_no_inception_score(extractor: dinov2) -> None:
    judge = Judge(extractor, monitor(10**6, 2, 8, 8))
    images = NoiseImages((3, 16, 16), 16).block(0, 16)[0].numpy()
    real = judge.statistics(images[:8], "noise", torch.device("cpu"))
    result = judge.score(ArrayImages(images[8:]), real, torch.device("cpu"))
    assert set(result.scores) == {"dinov2_fid"}
    assert result.scores["dinov2_fid"] > 0


def test_it_draws_no_random_numbers_and_is_frozen(weights: Path, state: dict[str, Tensor]) -> None:
    before = torch.random.get_rng_state()
    extractor = dinov2(str(weights))
    extractor.prepare()
    assert torch.equal(before, torch.random.get_rng_state())
    assert not any(p.requires_grad for p in extractor.parameters())


def test_the_fingerprint_is_that_of_the_weights(
    extractor: dinov2, state: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save({**state, "cls_token": state["cls_token"] + 1}, path)
    other = dinov2(str(path))
    other.prepare()
    assert other.fingerprint != extractor.fingerprint


def test_wrong_files_and_images_are_refused(
    state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="does not hold DINOv2"):
        dinov2(str(path)).prepare()
    torch.save({k: v for k, v in state.items() if "ls1" not in k}, path)
    with pytest.raises(UserError, match="does not hold DINOv2"):
        dinov2(str(path)).prepare()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "absent"))

    def no_network(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(UserError, match="dinov2_vitl14_pretrain"):
        dinov2().prepare()
    with pytest.raises(UserError, match="RGB"):
        dinov2().check((1, 16, 16))
