"""A fold is the plain computation: outputs and all gradients, whatever a norm makes of a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_resnet import unfolded
from gan_lightning.networks import ConditionalResNetGenerator, ResNetDiscriminator, ResNetGenerator
from gan_lightning.networks.folding import doubled, halved, is_foldable
from gan_lightning.normalization import (
    Norm,
    bn,
    bsn,
    bssn,
    clip,
    frobenius,
    gamma,
    ln,
    none,
    normalize_,
    power_iterate_,
    shared_gamma,
    sn,
    sn_conv,
    ssn,
    wn,
)

TOLERANCE = 1e-12
Resize = Callable[[nn.Module, Tensor], Tensor]


def plainly_halved(layer: nn.Module, x: Tensor) -> Tensor:
    return F.avg_pool2d(layer(x), 2)


def plainly_doubled(layer: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = layer(x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    return out


PLAIN: list[tuple[Resize, Resize]] = [(halved, plainly_halved), (doubled, plainly_doubled)]


def convolution(kernel: int, bias: bool = True, **options: Any) -> nn.Conv2d:
    torch.manual_seed(0)
    padding = kernel // 2
    settings: dict[str, Any] = {"padding": padding, "bias": bias, "dtype": torch.float64}
    return nn.Conv2d(3, 5, kernel, **settings | options)


def close(mine: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """To 1e-12 of the largest entry: some gradients are zero, as of a bias before a BN."""
    size = max([1.0, *(float(t.detach().abs().max()) for t in expected)])
    for one, two in zip(mine, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=TOLERANCE * size)


Results = list[tuple[Tensor, ...]]


def derivatives(run: Callable[[Tensor], Tensor], network: nn.Module, x: Tensor) -> Results:
    """The output, its gradients, and those of a penalty on the gradient of the input."""
    x = x.detach().clone().requires_grad_()
    parameters = list(network.parameters())
    out = run(x)
    first = torch.autograd.grad((out**3).sum(), [x, *parameters], create_graph=True)
    second = torch.autograd.grad((first[0] ** 2).sum(), [x, *parameters], allow_unused=True)
    used = tuple(g for g in second if g is not None)
    assert max(float(g.abs().max()) for g in used) > 1e-3
    return [(out,), first, used]


def same(mine: Results, expected: Results) -> None:
    for group, other in zip(mine, expected, strict=True):
        close(group, other)


@pytest.mark.parametrize(("folded", "plain"), PLAIN)
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sides", [(2, 2), (4, 6), (5, 7)])
def test_a_fold_is_exact_with_all_derivatives(
    folded: Resize, plain: Resize, kernel: int, bias: bool, sides: tuple[int, int]
) -> None:
    layer = convolution(kernel, bias)
    assert is_foldable(layer)
    x = torch.randn(2, 3, *sides, dtype=torch.float64)
    for memory in (torch.contiguous_format, torch.channels_last):
        layer.to(memory_format=memory)
        same(
            derivatives(partial(folded, layer), layer, x),
            derivatives(partial(plain, layer), layer, x),
        )


def test_a_fold_multiplies_less() -> None:
    """16 products of 36, and 1 of 4."""
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    for kernel, factor in ((3, 16 / 36), (1, 1 / 4)):
        layer = convolution(kernel)
        for folded, plain in PLAIN:
            counts = []
            for resize in (folded, plain):
                with FlopCounterMode(display=False) as counter:
                    resize(layer, x)
                counts.append(counter.get_total_flops())
            assert counts[0] == factor * counts[1] > 0


# ---------------------------------------------------------------------- whatever a norm may make


class Scaled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * weight.abs().sum()


class Rectified(nn.Conv2d):
    """A convolution by its type alone."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(super().forward(input))


class Squared(nn.Conv2d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        out: Tensor = super()._conv_forward(input, weight, bias) ** 2
        return out


def as_kind(kind: type[nn.Conv2d]) -> Norm:
    def norm(layer: nn.Module) -> nn.Module:
        layer.__class__ = kind
        return layer

    return norm


def patched(layer: nn.Module) -> nn.Module:
    original = layer.forward
    layer.forward = lambda x: original(x).tanh()
    return layer


def with_hook(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, nn.Conv2d)
    norm = nn.BatchNorm2d(layer.out_channels, dtype=torch.float64)
    layer.add_module("behind", norm)
    layer.register_forward_hook(lambda own, given, out: own.behind(out))
    return layer


def with_pre_hook(layer: nn.Module) -> nn.Module:
    layer.register_forward_pre_hook(lambda own, given: (given[0].sin(),))
    return layer


def with_backward_hook(layer: nn.Module) -> nn.Module:
    # Ignored: to mypy, what torch calls `_grad_t` is nothing; here it is a tuple.
    layer.register_full_backward_hook(lambda own, into, out: (2 * into[0],))  # type: ignore[index]
    return layer


def followed_by(make: Callable[[int], nn.Module]) -> Norm:
    def norm(layer: nn.Module) -> nn.Module:
        assert isinstance(layer, nn.Conv2d)
        return nn.Sequential(layer, make(layer.out_channels).double())

    return norm


def parametrized(layer: nn.Module) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", Scaled())
    parametrize.register_parametrization(layer, "bias", Scaled())
    return layer


def other_stride(layer: nn.Module) -> nn.Module:
    return convolution(3, stride=(2, 2))


WRAPS: dict[str, tuple[Norm, bool]] = {
    "none": (lambda layer: layer, True),
    "parametrized": (parametrized, True),
    "torch's weight norm": (parametrizations.weight_norm, True),
    "batch norm behind": (followed_by(nn.BatchNorm2d), False),
    "layer norm behind": (followed_by(lambda n: nn.GroupNorm(1, n)), False),
    "nothing behind": (followed_by(lambda n: nn.Identity()), False),
    "forward of its own": (as_kind(Rectified), False),
    "convolution of its own": (as_kind(Squared), False),
    "patched": (patched, False),
    "hook": (with_hook, False),
    "pre-hook": (with_pre_hook, False),
    "backward hook": (with_backward_hook, False),
    "torch's old weight norm": (torch.nn.utils.weight_norm, False),
    "dilation": (lambda layer: convolution(3, dilation=2, padding=2), False),
    "stride": (other_stride, False),
    "no padding": (lambda layer: convolution(3, padding=0), False),
    "reflection": (lambda layer: convolution(3, padding_mode="reflect"), False),
    "same": (lambda layer: convolution(3, padding="same"), False),
    "another kernel": (lambda layer: convolution(5), False),
    "groups": (lambda layer: nn.Conv2d(3, 3, 3, padding=1, groups=3, dtype=torch.float64), False),
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(("folded", "plain"), PLAIN)
@pytest.mark.parametrize("name", WRAPS)
def test_whatever_replaces_a_layer_is_computed_as_it_stands(
    folded: Resize, plain: Resize, name: str
) -> None:
    norm, foldable = WRAPS[name]
    layer, twin = norm(convolution(3)), norm(convolution(3))
    assert is_foldable(layer) == foldable
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    same(derivatives(partial(folded, layer), layer, x), derivatives(partial(plain, twin), twin, x))
    close(list(layer.buffers()), list(twin.buffers()))  # running statistics


@pytest.mark.parametrize(("folded", "plain"), PLAIN)
def test_folding_what_has_something_behind_it_would_be_wrong(folded: Resize, plain: Resize) -> None:
    """So that the law above says something."""
    layer = convolution(3)
    normed = nn.Sequential(layer, nn.BatchNorm2d(5, dtype=torch.float64))
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    right = plain(normed, x)
    if folded is halved:
        assert (normed[1](folded(layer, x)) - right).abs().max() > 0.1
    assert (folded(layer, x) - right).abs().max() > 0.1


# ------------------------------------------------------------------------------- whole networks

SHAPE = (3, 8, 8)


def discriminator() -> nn.Module:
    torch.manual_seed(0)
    return ResNetDiscriminator(SHAPE, widths=(4, 6, 6), halvings=2, hidden="code").double()


def generator() -> nn.Module:
    torch.manual_seed(0)
    return ResNetGenerator(SHAPE, 7, widths=(6, 4, 4)).double()


def conditional() -> nn.Module:
    torch.manual_seed(0)
    return ConditionalResNetGenerator(SHAPE, 3, 7, widths=(6, 4, 4)).double()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "discriminator": (discriminator, (torch.zeros(1, *SHAPE),)),
    "generator": (generator, (torch.zeros(1, 7),)),
    "conditional": (conditional, (torch.zeros(1, 7), torch.zeros(1, dtype=torch.int64))),
}
NORMS = [none(), sn(), ssn(1.7), bsn(), bssn(1.2), sn_conv(1.5), clip(0.1), gamma(bsn())]
NORMS += [shared_gamma(sn()), wn(), frobenius(), bn(), ln()]


def batch_norm(layer: nn.Module) -> nn.Module:
    return followed_by(nn.BatchNorm2d)(layer) if isinstance(layer, nn.Conv2d) else layer


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "norm", [*NORMS, batch_norm], ids=lambda norm: getattr(norm, "__name__", type(norm).__name__)
)
def test_networks_are_the_unfolded_ones(name: str, norm: Norm) -> None:
    """Outputs, all gradients, those of a penalty, names and shapes of the state: to 1e-12."""
    make, example = NETWORKS[name]
    networks = [make(), unfolded(make())]
    for network in networks:
        network.to(memory_format=torch.channels_last)
        torch.manual_seed(1)
        normalize_(network, norm, *example)
        power_iterate_(network)
    shapes = [{k: v.shape for k, v in network.state_dict().items()} for network in networks]
    assert shapes[0] == shapes[1]
    networks[1].load_state_dict(networks[0].state_dict())
    torch.manual_seed(2)
    x = torch.randn(5, *example[0].shape[1:], dtype=torch.float64)
    labels = [torch.arange(5) % 3 for _ in example[1:]]

    def found(network: nn.Module) -> list[tuple[Tensor, ...]]:
        return derivatives(lambda x: network(x, *labels), network, x)

    mine, expected = map(found, networks)
    same(mine, expected)
    close(list(networks[0].buffers()), list(networks[1].buffers()))


def test_norms_see_the_input_of_the_plain_layer() -> None:
    """The strict norm is that of the convolution before the mean, or behind the doubling."""
    shapes = []
    for make, example in NETWORKS.values():
        for network in (make(), unfolded(make())):
            normalize_(network, sn_conv(), *example)
            shapes.append(
                {
                    n: m.input_shapes
                    for n, m in network.named_modules()
                    if hasattr(m, "input_shapes")
                }
            )
    assert shapes[::2] == shapes[1::2]
    assert shapes[0]["features.0.conv2"] == ((4, 8, 8),)
    assert shapes[0]["features.1.shortcut"] == ((4, 4, 4),)
    assert shapes[2]["blocks.1.conv1"] == shapes[2]["blocks.1.shortcut"] == ((4, 8, 8),)


# --------------------------------------------------------------------------------- ways to run it


def test_folds_run_on_the_meta_device_and_in_half_precision() -> None:
    for make, example in NETWORKS.values():
        network = normalize_(make().float(), bssn(1.2), *example)
        inputs = [torch.randn_like(x) if x.is_floating_point() else x for x in example]
        expected = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(*inputs)
        largest = expected.abs().max().item()
        torch.testing.assert_close(half.float(), expected, rtol=0, atol=0.1 * largest)
        assert network.to("meta")(*(x.to("meta") for x in example)).shape == expected.shape


@pytest.mark.slow
def test_folds_compile_as_one_graph() -> None:
    torch._dynamo.reset()
    for make, example in NETWORKS.values():
        network = normalize_(make(), bssn(1.2), *example)
        inputs = [x.double() if x.is_floating_point() else x for x in example]
        compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
        close([compiled(*inputs)], [network(*inputs)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_folds_export_to_onnx(tmp_path: Path) -> None:
    """Which ignores options that it does not know, without a word."""
    import onnxruntime  # here: a forked process, such as mutmut's, cannot end with it loaded

    for make, example in NETWORKS.values():
        network = normalize_(make().float(), sn(), *example).eval()
        inputs = tuple(torch.randn_like(x) if x.is_floating_point() else x for x in example)
        torch.onnx.export(network, inputs, tmp_path / "network.onnx", dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
        names = [value.name for value in session.get_inputs()]
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        (got,) = session.run(None, feed)
        torch.testing.assert_close(torch.from_numpy(got), network(*inputs), rtol=0, atol=1e-5)
