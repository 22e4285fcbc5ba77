"""Differentiable augmentation against pixels moved one by one, and its laws."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from gan_lightning.augmentation import (
    CHANGES,
    Change,
    DiffAugment,
    as_they_are,
    cut_out,
    recoloured,
    translated,
)
from gan_lightning.errors import UserError
from tests.reference_augmentation import literally

SUBSETS = [list(some) for k in (1, 2, 3) for some in combinations(CHANGES, k)]
N = 12


def some(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def images(channels: int = 3, height: int = 12, width: int = 9) -> Tensor:
    return 2 * some(N, channels, height, width) - 1


@pytest.mark.parametrize("policy", SUBSETS, ids="+".join)
@pytest.mark.parametrize("shape", [(3, 12, 9), (1, 7, 8)], ids=str)
def test_it_is_the_papers_pixel_by_pixel(policy: list[Change], shape: tuple[int, int, int]) -> None:
    """With both gradients: of images, and so of what made them."""
    x = images(*shape).requires_grad_()
    numbers = some(N, 7, seed=1)
    numbers[0], numbers[1] = 0, 1 - 2**-24  # both ends
    mine, theirs = DiffAugment(policy)(x, numbers), literally(policy)(x, numbers)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-14)
    of_output = some(*mine.shape, seed=2)
    gradients = [torch.autograd.grad((out * of_output).sum(), x)[0] for out in (mine, theirs)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-14)
    assert (mine - x).abs().max() > 0.1  # so that there was something to compare


@pytest.mark.parametrize("policy", SUBSETS, ids="+".join)
def test_it_is_the_same_in_every_value_range(policy: list[Change]) -> None:
    """Brightness and fillings are in units of the range."""
    augment, x, numbers = DiffAugment(policy), images(), some(N, 7, seed=1)
    for low, high in ((0.0, 1.0), (0.0, 255.0)):
        seen = augment((x + 1) / 2 * (high - low) + low, numbers, (low, high))
        expected = (augment(x, numbers) + 1) / 2 * (high - low) + low
        torch.testing.assert_close(seen, expected, rtol=0, atol=1e-12 * high)


def test_numbers_in_the_middle_leave_an_image_alone() -> None:
    """But for the cutout, which is as large wherever it is."""
    x, middle = images(3, 16, 16), torch.full((N, 7), 0.5, dtype=torch.float64)
    unchanged = DiffAugment(["colour", "translation"])(x, middle)
    torch.testing.assert_close(unchanged, x, rtol=0, atol=1e-15)
    cut = DiffAugment(["cutout"])(x, middle)
    assert (cut == 0).double().mean() == 0.25
    assert cut[:, :, 4:12, 4:12].abs().max() == 0


def test_colour_moves_means_and_scales_deviations() -> None:
    x, numbers = images(), some(N, 3, seed=1)
    brightness, saturation, contrast = (u[:, None] for u in numbers.unbind(1))
    seen = recoloured(x, numbers, brightest=1.0)
    mean, means = x.mean((1, 2, 3)), seen.mean((1, 2, 3))
    torch.testing.assert_close(means, mean + brightness[:, 0] - 0.5)
    greys = [t.mean(1).flatten(1) for t in (x, seen)]
    from_mean = [grey - grey.mean(1, keepdim=True) for grey in greys]
    torch.testing.assert_close(from_mean[1], from_mean[0] * (contrast + 0.5))
    from_grey = [(t - t.mean(1, keepdim=True)).flatten(1) for t in (x, seen)]
    torch.testing.assert_close(from_grey[1], from_grey[0] * 2 * saturation * (contrast + 0.5))


def test_saturation_does_nothing_to_grey_images() -> None:
    x, numbers = images(1), some(N, 3, seed=1)
    other = numbers.clone()
    other[:, 1] = 0
    assert torch.equal(recoloured(x, numbers, 1.0), recoloured(x, other, 1.0))
    assert not torch.allclose(
        recoloured(images(3), numbers, 1.0), recoloured(images(3), other, 1.0)
    )


@pytest.mark.parametrize("side", [7, 16, 28, 32])
def test_every_shift_and_every_cut_is_as_likely(side: int) -> None:
    """Numbers on a fine grid: each shift and each place of the cut has its share."""
    count = 20_000
    grid = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    numbers = torch.stack([grid, torch.full_like(grid, 0.5)], 1)
    marked = torch.zeros(count, 1, side, 1)
    marked[:, :, side // 2] = 1
    moved = translated(marked, numbers, 0.0)
    places = moved[:, 0, :, 0].argmax(1)
    reach = int(side / 8 + 0.5)
    shifts, shares = places.unique(return_counts=True)
    assert shifts.tolist() == list(range(side // 2 - reach, side // 2 + reach + 1))
    assert shares.max() - shares.min() <= 1
    size = int(side / 2 + 0.5)
    cuts = cut_out(torch.ones(count, 1, side, 1), numbers, 0.0)[:, 0, :, 0] == 0
    lengths = cuts.sum(1)
    assert lengths.max() == size
    assert lengths.min() == size - size // 2  # where half of it lies outside
    distinct, shares = cuts.unique(dim=0, return_counts=True)
    assert len(distinct) == side + 1 - size % 2
    assert shares.max() - shares.min() <= 1


def test_leaving_out_a_change_leaves_the_others_as_they_were() -> None:
    """The numbers of each change are its own, and changes follow in one order."""
    x, numbers = images(), some(N, 7, seed=1)
    one_by_one = x
    for change in CHANGES:
        one_by_one = DiffAugment([change])(one_by_one, numbers)
    assert torch.equal(DiffAugment()(x, numbers), one_by_one)
    assert torch.equal(DiffAugment(list(reversed(CHANGES)))(x, numbers), one_by_one)


def test_each_image_is_changed_by_its_own_numbers_alone() -> None:
    x, numbers = images(), some(N, 7, seed=1)
    together = DiffAugment()(x, numbers)
    for i in range(N):
        alone = DiffAugment()(x[i : i + 1], numbers[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-15)
    other = numbers.clone()
    other[3] = 1 - other[3]
    changed = (DiffAugment()(x, other) != together).flatten(1).any(1)
    assert changed.nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_type_and_memory_stay_as_they_are(dtype: torch.dtype) -> None:
    x = images(3, 8, 8).to(dtype).contiguous(memory_format=torch.channels_last)
    seen = DiffAugment()(x, some(N, 7).float())
    assert seen.dtype == dtype
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert seen.shape == x.shape


def test_half_precision_moves_by_whole_pixels() -> None:
    """Numbers stay in single precision: their integers are those of every other type."""
    x, numbers = images(1, 32, 32), some(N, 7).float()
    policy: list[Change] = ["translation", "cutout"]
    seen = DiffAugment(policy)(x.bfloat16(), numbers)
    assert torch.equal(seen, DiffAugment(policy)(x, numbers).bfloat16())


def test_without_augmentation_images_are_what_they_are() -> None:
    x = images()
    assert as_they_are(x) is x


@pytest.mark.parametrize("policy", [[], ["color"], ["colour", "colour"], ["cutout", "flip"]])
def test_an_unknown_policy_is_refused(policy: list[Change]) -> None:
    with pytest.raises(UserError, match="policy must name some of colour, translation, cutout"):
        DiffAugment(policy)
