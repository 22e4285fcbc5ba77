"""The papers' algorithm written out literally and slowly, to compare the project's step with.

Separate passes, the generator run again for its own update, the losses' formulas, plain autograd
through W / sigma with u and v constant, the textbook power iteration on explicitly built matrices,
lengths row by row, statistics by their formulas, penalties image by image, unfused Adam. Nothing
here calls the project's own mathematics.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from gan_lightning.draws import Draw, Own
from gan_lightning.normalization import SpectralNorm
from gan_lightning.normalization.operators import Unfolding

Matrix = Callable[[Tensor], Tensor]


def log_1_plus_exp(x: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(x))


def positive_part(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


DISCRIMINATOR_LOSS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hinge": lambda real, fake: positive_part(1 - real).mean() + positive_part(1 + fake).mean(),
    "standard": lambda real, fake: log_1_plus_exp(-real).mean() + log_1_plus_exp(fake).mean(),
    "wasserstein": lambda real, fake: fake.mean() - real.mean(),
}
ENERGY_MARGIN = 0.7
"""Of the energy-based loss, so that images lie on both sides of it."""
DISCRIMINATOR_LOSS["ebgan"] = lambda real, fake: (
    real.mean() + positive_part(ENERGY_MARGIN - fake).mean()
)
GENERATOR_LOSS: dict[str, Callable[[Tensor], Tensor]] = {
    "hinge": lambda fake: -fake.mean(),
    "standard": lambda fake: log_1_plus_exp(-fake).mean(),
    "wasserstein": lambda fake: -fake.mean(),
    "ebgan": lambda fake: fake.mean(),
}


def rows_of_axis(axis: int) -> Matrix:
    """The kernel as a matrix with one of its first two axes as rows, the rest in order."""

    def matrix(weight: Tensor) -> Tensor:
        return weight.transpose(0, axis).reshape(weight.shape[axis], -1)

    return matrix


def convolution_matrix(layer: nn.Conv2d | nn.ConvTranspose2d) -> Matrix:
    """The matrix of a convolution at its input size, built column by column."""
    assert not isinstance(layer.padding, str)
    padding = layer.padding

    def matrix(weight: Tensor) -> Tensor:
        (shape,) = layer.input_shapes  # type: ignore[misc]  # noted by normalize_
        size = int(torch.tensor(shape).prod())
        basis = torch.eye(size, dtype=weight.dtype).reshape(size, *shape)
        if isinstance(layer, nn.ConvTranspose2d):
            columns = F.conv_transpose2d(
                basis, weight, None, layer.stride, padding, layer.output_padding
            )
        else:
            columns = F.conv2d(basis, weight, None, layer.stride, layer.padding, layer.dilation)
        return columns.reshape(size, -1).t()

    return matrix


def matrices(norm: str, layer: nn.Module) -> list[Matrix]:
    """What a normalization takes the norms of (the table of the papers)."""
    if norm in ("none", "clip", "wn", "frobenius", "bn", "ln"):
        return []
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        if norm == "sn_conv":
            return [convolution_matrix(layer)]
        out = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        both = [rows_of_axis(out), rows_of_axis(1 - out)]
        return both if norm in ("bsn", "bssn") else both[:1]
    return [rows_of_axis(0)]


def textbook_right_vector(spectral: SpectralNorm, k: int, weight: Tensor) -> Tensor:
    """v_k of the project in the textbook's order of columns, (channel, k_h, k_w)."""
    v: Tensor = getattr(spectral, f"v{k}")
    operator = spectral.operators[k]
    if v.ndim > 1 or weight.ndim == 2 or (isinstance(operator, Unfolding) and operator.axis == 1):
        return v.flatten().clone()
    return v.reshape(*weight.shape[2:], weight.shape[1]).permute(2, 0, 1).flatten().clone()


def divided(norm: str, layer: nn.Module, weight: Tensor) -> Tensor:
    """SNGAN Eq. 25, output by output, and Eq. 26."""
    if norm == "frobenius":
        return weight / weight.square().sum().sqrt()
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    rows = [row / row.square().sum().sqrt() for row in weight.unbind(axis)]
    return torch.stack(rows, axis)


class Layer:
    """One layer's matrices with their u and v, and its gain."""

    def __init__(self, layer: nn.Module, weight: Tensor, norm: str) -> None:
        self.norm, self.layer = norm, layer
        spectral: nn.Module | None = None
        if hasattr(layer, "parametrizations"):
            spectral = layer.get_submodule("parametrizations.weight.0")
        self.matrices = matrices(norm, layer) if isinstance(spectral, SpectralNorm) else []
        self.us, self.vs, self.scale = [], [], 1.0
        if isinstance(spectral, SpectralNorm):
            assert len(spectral.operators) == len(self.matrices)
            self.scale = spectral.scale
            for k in range(len(self.matrices)):
                self.us.append(getattr(spectral, f"u{k}").flatten().clone())
                self.vs.append(textbook_right_vector(spectral, k, weight))

    def normalized(self, weight: Tensor) -> Tensor:
        """Scale * W / mean_k u_k^T W_k v_k, or W over lengths."""
        if self.norm in ("wn", "frobenius"):
            return divided(self.norm, self.layer, weight)
        if not self.matrices:
            return weight
        sigmas = [
            u @ m(weight) @ v for m, u, v in zip(self.matrices, self.us, self.vs, strict=True)
        ]
        return self.scale * weight / (sum(sigmas, torch.zeros(())) / len(sigmas))

    @torch.no_grad()
    def power_iterate(self, weight: Tensor) -> None:
        """SNGAN Eq. 20 and 21."""
        for k, matrix in enumerate(self.matrices):
            v = matrix(weight).t() @ self.us[k]
            self.vs[k] = v / v.norm()
            u = matrix(weight) @ self.vs[k]
            self.us[k] = u / u.norm()


class Outputs:
    """Batch or layer normalization of what one layer makes, as a hook behind it.

    Attributes:
        statistics: The running mean and variance of batch normalization.
    """

    def __init__(self, norm: str, channels: int) -> None:
        self.norm = norm
        zeros = torch.zeros(channels, dtype=torch.float64)
        self.statistics = [zeros, zeros + 1]

    def __call__(self, layer: nn.Module, given: object, y: Tensor) -> Tensor:
        """(y - mean) / sqrt(variance + 1e-5)."""
        n = len(y)
        flat = y.transpose(0, 1) if self.norm == "bn" else y  # (channel or image, the rest)
        flat = flat.reshape(len(flat), -1)
        mean = flat.sum(1) / flat.shape[1]
        squares = (flat - mean[:, None]).square().sum(1)
        if self.norm == "bn":
            newest = [mean, squares / (flat.shape[1] - 1)]
            for k, value in enumerate(newest):
                self.statistics[k] = 0.9 * self.statistics[k] + 0.1 * value.detach()
        shape = [1] * y.ndim
        shape[1 if self.norm == "bn" else 0] = y.shape[1] if self.norm == "bn" else n
        deviation = (squares / flat.shape[1] + 1e-5).sqrt()
        return (y - mean.reshape(shape)) / deviation.reshape(shape)


class LiteralNetwork:
    """A network trained literally beside the project's normalized one.

    Args:
        normalized: The project's.
        plain: The same architecture without normalization; it takes the weights over.
        norm: Name of the normalization, or of what gamma goes over.
        gains: "none", "layer" or "network": where gamma is.
        limit: Bound of weight clipping.
    """

    def __init__(
        self,
        normalized: nn.Module,
        plain: nn.Module,
        norm: str = "none",
        gains: str = "none",
        limit: float | None = None,
    ) -> None:
        self.plain = plain
        self.limit = limit
        state = normalized.state_dict()
        plain.load_state_dict({key: own(state, key).clone() for key in plain.state_dict()})
        self.layers: dict[str, Layer] = {}
        self.outputs: dict[str, Outputs] = {}
        self.gains: dict[str, nn.Parameter] = {}
        shared = nn.Parameter(torch.ones((), dtype=torch.float64))
        for name, layer in plain.named_modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
                theirs = normalized.get_submodule(name)
                self.layers[name] = Layer(theirs, layer.weight.detach(), norm)
                if norm in ("bn", "ln") and not (
                    is_output(theirs) or isinstance(layer, nn.Embedding)
                ):
                    channels = getattr(layer, "out_channels", getattr(layer, "out_features", 0))
                    self.outputs[name] = Outputs(norm, channels)
                    layer.register_forward_hook(self.outputs[name])
                if gains != "none":
                    one = nn.Parameter(torch.ones((), dtype=torch.float64))
                    self.gains[name] = one if gains == "layer" else shared

    def parameters(self) -> list[nn.Parameter]:
        """Weights, biases, and each gamma once."""
        return [*self.plain.parameters(), *dict.fromkeys(self.gains.values())]

    def __call__(self, *inputs: Tensor) -> Any:  # noqa: ANN401 (as many things as it says)
        """The network with W / sigma in place of W, differentiable in W and gamma."""
        parameters = {}
        for key, parameter in self.plain.named_parameters():
            name, _, kind = key.rpartition(".")
            value: Tensor = parameter
            if name in self.layers and kind == "weight":
                value = self.layers[name].normalized(parameter)
            if name in self.gains:
                value = self.gains[name] * value
            parameters[key] = value
        return functional_call(self.plain, parameters, inputs)

    @torch.no_grad()
    def renew(self) -> None:
        """What follows each update."""
        for key, parameter in self.plain.named_parameters():
            name, _, kind = key.rpartition(".")
            if name in self.layers and kind == "weight":
                if self.limit is not None:
                    parameter.copy_(parameter.clamp(-self.limit, self.limit))
                self.layers[name].power_iterate(parameter)


def is_output(theirs: nn.Module) -> bool:
    """Whether no other layer follows this one."""
    return bool(getattr(theirs, "is_output", False))


def own(state: dict[str, Tensor], key: str) -> Tensor:
    """The tensor of a parametrized network that is called ``key`` in the plain one."""
    name, _, kind = key.rpartition(".")
    names = [key, f"{name}.parametrizations.{kind}.original", f"{name}.layer.{kind}"]
    return next(state[name] for name in names if name in state)


def gradient_penalty(weight: float, D: LiteralNetwork, draw: Draw, fake: Tensor) -> Tensor:
    """Lambda E (|grad D(x_hat)| - 1)^2, image by image."""
    terms = []
    for i in range(len(fake)):
        point = draw.mix[i] * fake[i] + (1 - draw.mix[i]) * draw.images[i]
        terms.append((slope(D, point, draw, i) - 1) ** 2)
    return weight * sum(terms, torch.zeros(())) / len(terms)


def r1(weight: float, D: LiteralNetwork, draw: Draw, fake: Tensor) -> Tensor:
    """Gamma / 2 E |grad D(x)|^2, image by image."""
    terms = [slope(D, image, draw, i) ** 2 for i, image in enumerate(draw.images)]
    return weight / 2 * sum(terms, torch.zeros(())) / len(terms)


def orthonormal(weight: float, D: LiteralNetwork, draw: Draw, fake: Tensor) -> Tensor:
    """Sum of (s^2 - 1)^2 over the singular values s of every layer's matrix."""
    total = torch.zeros((), dtype=torch.float64)
    for name in D.layers:
        layer = D.plain.get_submodule(name)
        axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        parameter: Any = layer.weight
        total = (
            total + (torch.linalg.svdvals(rows_of_axis(axis)(parameter)) ** 2 - 1).square().sum()
        )
    return weight * total


def slope(D: LiteralNetwork, image: Tensor, draw: Draw, i: int) -> Tensor:
    point = image.detach().clone()[None].requires_grad_()
    labels = [y[i : i + 1] for y in draw.labels]
    (gradient,) = torch.autograd.grad(logits(D(point, *labels)).sum(), point, create_graph=True)
    return gradient.square().sum().sqrt()


def logits(output: Any) -> Tensor:  # noqa: ANN401 (the same)
    """Of a discriminator with a class head, or of one without."""
    return output if isinstance(output, Tensor) else output.logits


PENALTIES = {"gradient_penalty": gradient_penalty, "r1": r1, "orthonormal": orthonormal}


class ReferenceGAN:
    """Trains copies of two networks literally."""

    def __init__(
        self,
        generator: nn.Module | LiteralNetwork,
        discriminator: LiteralNetwork,
        objective: str,
        penalties: Sequence[tuple[str, float]] = (),
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        eps: float = 1e-8,
        class_weights: tuple[float, float] = (0.0, 0.0),
        view: Callable[..., Tensor] = lambda images, *views: images,
    ) -> None:
        if isinstance(generator, nn.Module):
            generator = LiteralNetwork(generator, copy.deepcopy(generator))
        self.G, self.D = generator, discriminator
        self.discriminator_loss = DISCRIMINATOR_LOSS[objective]
        self.generator_loss = GENERATOR_LOSS[objective]
        self.class_weights = class_weights
        self.view = view
        self.penalties = penalties
        settings: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "foreach": False}
        self.optimizer_g = torch.optim.Adam(self.G.parameters(), **settings)
        self.optimizer_d = torch.optim.Adam(self.D.parameters(), **settings)

    def iteration(self, draws: Draw, own: Own | None = None) -> tuple[float, float]:
        """SNGAN Algorithm 1 with n_dis = len(draws.images)."""
        losses = []
        draw = draws
        for k in range(len(draws.images)):
            draw = Draw(
                draws.images[k],
                draws.latents[k],
                draws.mix[k],
                tuple(y[k] for y in draws.labels),
                tuple(y[k] for y in draws.fake_labels),
            )
            views, fake_views = ([v[k] for v in vs] for vs in (draws.views, draws.fake_views))
            fake = self.view(self.G(draw.latents, *draw.fake_labels).detach(), *fake_views)
            draw = draw._replace(images=self.view(draw.images, *views))
            real_says = self.D(draw.images, *draw.labels)
            fake_says = self.D(fake, *draw.fake_labels)
            loss = self.discriminator_loss(logits(real_says), logits(fake_says))
            if self.class_weights[0]:
                loss = loss + self.class_weights[0] * real_says.class_loss.mean()
            for name, weight in self.penalties:
                loss = loss + PENALTIES[name](weight, self.D, draw, fake)
            self.optimizer_d.zero_grad()
            loss.backward()
            self.optimizer_d.step()
            self.D.renew()
            losses.append(loss.item())
        if own is None:
            own = Own(draw.latents, draw.fake_labels, tuple(fake_views))
        fake = self.view(self.G(own.latents, *own.labels), *own.views)
        says = self.D(fake, *own.labels)
        loss = self.generator_loss(logits(says))
        if self.class_weights[1]:
            loss = loss + self.class_weights[1] * says.class_loss.mean()
        self.optimizer_g.zero_grad()
        loss.backward()
        self.optimizer_g.step()
        self.G.renew()
        return sum(losses) / len(losses), loss.item()
