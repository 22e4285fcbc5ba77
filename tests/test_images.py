"""Images of a generator: quantized, addressed, of any class, and without a trace."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.images import (
    TOLERANCE,
    classes_at,
    evaluating,
    generate,
    generate_from,
    images_at,
    latents_at,
    shuffled_classes,
    to_uint8,
    with_weights,
)
from gan_lightning.networks import CNNGenerator, ConditionalCNNGenerator, Generator
from gan_lightning.normalization import bssn, normalize_, power_iterate_, spectral_pairs
from gan_lightning.streams import stream
from tests.networks.made import lively

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_every_level_survives_quantization(
    value_range: tuple[float, float], dtype: torch.dtype
) -> None:
    coarse = dtype == torch.bfloat16  # eight bits cannot tell all levels apart
    levels = torch.arange(0, 256, 51 if coarse else 1)
    low, high = value_range
    images = (low + levels.to(torch.float64) * (high - low) / 255).to(dtype)
    got, invalid = to_uint8(images.view(-1, 1, 1, 1), value_range)
    assert (got.flatten() - levels).abs().max() <= int(coarse)
    assert invalid.tolist() == [0, 0]


def test_images_with_values_that_are_none_are_counted() -> None:
    images = torch.zeros(6, 1, 2, 2)
    images[0, 0, 0, 0] = float("nan")
    images[1, 0, 1, 1] = float("inf")
    images[2] = float("-inf")
    images[3, 0, 0, 1] = 1.01
    images[4, 0, 0, 1] = -1.5
    images[5] = 1.0005  # rounding in half precision
    assert to_uint8(images, (-1.0, 1.0))[1].tolist() == [3, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    """The levels are those of the same numbers in single precision; half has too few bits."""
    images = torch.linspace(-1, 1, 999).to(dtype).view(-1, 1, 1, 1)
    got, _ = to_uint8(images, (-1.0, 1.0))
    assert got.dtype == torch.uint8
    assert torch.equal(got, to_uint8(images.float(), (-1.0, 1.0))[0])


def generator() -> CNNGenerator:
    torch.manual_seed(0)
    return lively(CNNGenerator(SHAPE, latent_dim=6, width=2))


def conditional() -> ConditionalCNNGenerator:
    torch.manual_seed(0)
    return lively(ConditionalCNNGenerator(SHAPE, 3, latent_dim=6, width=2))


def test_an_image_does_not_depend_on_its_company() -> None:
    """Compared as numbers: float32 results depend on a batch's size."""
    whole = generate(generator(), range(9), 0, "sample")
    parts = [generate(generator(), [7, 2], 0, "sample"), generate(generator(), [8], 0, "sample")]
    torch.testing.assert_close(torch.cat(parts), whole[[7, 2, 8]])
    assert (whole[0] - whole[1]).abs().max() > 0.1
    chunked = images_at(generator(), range(9), chunk=2)
    assert (chunked.int() - images_at(generator(), range(9)).int()).abs().max() <= 1


def test_latents_belong_to_seed_purpose_and_index() -> None:
    made = generator()
    first = latents_at(made, [4], 0, "sample")
    expected = torch.from_numpy(stream(0, "sample", 4).standard_normal((1, 6), dtype="float32"))
    assert torch.equal(first, expected)
    for other in (
        latents_at(made, [5], 0, "sample"),
        latents_at(made, [4], 1, "sample"),
        latents_at(made, [4], 0, "evaluation"),
        latents_at(made, [4], 0, "latents"),
    ):
        assert not torch.equal(first, other)


def test_classes_come_in_turn() -> None:
    made = conditional()
    (labels,) = classes_at(made, range(7))
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    (labels,) = classes_at(made, [5, 6], [2, 0])
    assert labels.tolist() == [0, 2]  # by their place in the sequence, not in the request
    assert classes_at(generator(), range(7)) == ()


def test_classes_to_be_scored_are_balanced_and_tied_to_nothing() -> None:
    """Least of all to the splits of the inception score, which take every tenth image."""
    made = conditional()
    made.num_classes = 10
    (labels,) = shuffled_classes(made, 1005, seed=0)
    assert (torch.bincount(labels[:1000], minlength=10) == 100).all()
    for split in range(10):
        counts = torch.bincount(labels[split:1000:10], minlength=10)
        assert counts.min() > 0
        assert counts.max() < 30
    (fewer,) = shuffled_classes(made, 13, seed=0)
    assert torch.equal(fewer, labels[:13])  # image i has its class whatever else is scored
    assert not torch.equal(shuffled_classes(made, 1005, seed=1)[0], labels)
    assert shuffled_classes(generator(), 5, seed=0) == ()
    rounds = [torch.from_numpy(stream(0, "classes", r).permutation(10)) for r in range(2)]
    assert torch.equal(torch.cat(rounds)[:13], fewer)


def test_images_are_those_of_their_latents_and_labels() -> None:
    made, labels = conditional(), torch.tensor([2, 0])
    images = generate(made, [4, 7], 1, "evaluation", [labels])
    assert torch.equal(
        images, generate_from(made, latents_at(made, [4, 7], 1, "evaluation"), [labels])
    )
    assert not torch.equal(
        images, generate(made, [4, 7], 1, "evaluation", [1 - labels.clamp(max=1)])
    )


def test_samples_are_of_seed_0_unless_another_is_asked_for() -> None:
    made = generator()
    images = generate_from(made, latents_at(made, range(3), 0, "sample"))
    assert torch.equal(images_at(made, range(3)), to_uint8(images, made.value_range)[0])
    assert torch.equal(images_at(made, range(3)), images_at(made, range(3), seed=0))
    assert not torch.equal(images_at(made, range(3)), images_at(made, range(3), seed=1))


def test_no_images_are_refused() -> None:
    with pytest.raises(UserError, match=r"^the number of images to make must be >= 1, got 0$"):
        images_at(generator(), [])


def test_a_class_makes_its_own_images() -> None:
    made = conditional()
    all_two = images_at(made, range(6), classes=[2])
    in_turn = images_at(made, range(6))
    same = [torch.equal(a, b) for a, b in zip(all_two, in_turn, strict=True)]
    assert same == [False, False, True, False, False, True]


@pytest.mark.parametrize(
    ("classes", "message"), [([3], "class 3 is not known; the classes are 0 to 2"), ([-1], "-1")]
)
def test_unknown_classes_are_refused(classes: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        images_at(conditional(), range(2), classes=classes)


def test_classes_of_a_generator_without_are_refused() -> None:
    with pytest.raises(UserError, match="CNNGenerator was trained without classes"):
        images_at(generator(), range(2), classes=[0])


def test_no_image_is_an_error() -> None:
    with pytest.raises(UserError, match=">= 1"):
        images_at(generator(), [])


class Wild(Generator):
    """Makes what it was told to."""

    def __init__(self, value: float) -> None:
        super().__init__(SHAPE, 6)
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, z: Tensor) -> Tensor:
        """Makes images of one value."""
        return self.value.expand(len(z), *SHAPE)


@pytest.mark.parametrize(("value", "broken", "outside"), [(float("nan"), 3, 0), (1.1, 0, 3)])
def test_what_is_no_image_is_refused(value: float, broken: int, outside: int) -> None:
    with pytest.raises(UserError) as caught:
        images_at(Wild(value), range(3))
    assert str(caught.value) == (
        f"the generator: of 3 images {broken} hold NaN or infinite values and {outside} hold "
        "values out of range. A generator that diverged does this: lower its learning rate, "
        "or start from an earlier checkpoint"
    )


@pytest.mark.parametrize("sign", [-1, 1])
def test_values_are_out_of_range_beyond_the_slack_and_not_at_it(sign: int) -> None:
    edge = torch.full((1, 1, 1, 1), sign * (1 + 2 * TOLERANCE), dtype=torch.float64)
    pixels, invalid = to_uint8(edge, (-1.0, 1.0))
    assert (pixels.item(), invalid.tolist()) == (255 * (sign > 0), [0, 0])
    beyond = torch.nextafter(edge, 2 * edge)
    assert to_uint8(beyond, (-1.0, 1.0))[1].tolist() == [0, 1]


def test_without_other_weights_a_copy_is_the_same_to_the_last_bit() -> None:
    made = generator()
    normalize_(made, bssn(), torch.zeros(1, 6))
    other = with_weights(made, {}).state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in made.state_dict().items())


def test_each_module_keeps_its_own_mode() -> None:
    made = generator().train()
    frozen = made.layers[0]
    assert isinstance(frozen, nn.BatchNorm2d)
    frozen.eval()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    images_at(made, range(3))
    assert made.training
    assert not frozen.training
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    with pytest.raises(ZeroDivisionError), evaluating(made):  # noqa: PT012 (the context's own end)
        assert not made.training
        _ = 1 / 0
    assert made.training
    assert not frozen.training


def test_other_weights_get_their_own_normalization() -> None:
    """Weights far from the generator's own, as an average of past ones is."""
    made = generator()
    normalize_(made, bssn(), torch.zeros(1, 6))
    raw = {name: torch.randn_like(tensor) for name, tensor in made.named_parameters()}
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    with torch.inference_mode():  # as Lightning validates
        other = with_weights(made, raw)
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    for name, tensor in other.named_parameters():
        assert torch.equal(tensor, raw[name])
        assert not tensor.requires_grad  # nobody trains an average
    for (spectral, weight), (live, _) in zip(
        spectral_pairs(other), spectral_pairs(made), strict=True
    ):
        own = spectral(weight)
        for _ in range(300):
            power_iterate_(other)
        torch.testing.assert_close(own, spectral(weight), rtol=0.03, atol=0)
        assert (live(weight) - own).abs().max() > 0.1 * own.abs().max()
