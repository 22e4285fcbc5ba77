"""Extractors compute in float32 as IEEE has it, whatever training does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from gan_lightning.extractors.devices import default_device, full_precision

CPU = torch.device("cpu")


@pytest.fixture(params=["highest", "high", "medium"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


def settings() -> tuple[object, ...]:
    cudnn = torch.backends.cudnn
    matmul = torch.backends.cuda.matmul
    conv = cudnn.conv  # type: ignore[attr-defined]  # torch does not tell type checkers
    return matmul.fp32_precision, conv.fp32_precision, cudnn.deterministic, cudnn.benchmark


def test_precision_is_full_within_and_as_it_was_after(precision: str) -> None:
    before = settings()
    with full_precision(CPU):
        assert settings() == ("ieee", "ieee", True, False)
    assert settings() == before
    with pytest.raises(KeyError), full_precision(CPU):
        raise KeyError
    assert settings() == before
    assert torch.get_float32_matmul_precision() == precision


def test_autocast_does_not_reach_within() -> None:
    x = torch.rand(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with full_precision(CPU):
            assert (x @ x).dtype == torch.float32


def test_a_device_is_found_or_the_one_that_is_named() -> None:
    assert default_device("cpu") == CPU
    assert default_device("auto").type in ("cpu", "cuda", "mps", "xpu")
