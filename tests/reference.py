"""The papers' algorithm written out literally and slowly, to compare the project's step with.

Separate passes, the generator run again for its own update, plain autograd through W / sigma with
u and v constant, the textbook power iteration on explicitly reshaped kernels, unfused Adam.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from gan_lightning.losses import Objective
from gan_lightning.normalization import SpectralNorm

Matrix = Callable[[Tensor], Tensor]


def rows_out(weight: Tensor) -> Tensor:
    """c_out x (c_in k_h k_w)."""
    return weight.reshape(weight.shape[0], -1)


def rows_in(weight: Tensor) -> Tensor:
    """c_in x (c_out k_h k_w)."""
    return weight.transpose(0, 1).reshape(weight.shape[1], -1)


def convolution_matrix(layer: nn.Conv2d, input_shape: tuple[int, ...]) -> Matrix:
    """The matrix of a convolution at a given input size, built column by column."""

    def matrix(weight: Tensor) -> Tensor:
        size = int(torch.tensor(input_shape).prod())
        basis = torch.eye(size, dtype=weight.dtype).reshape(size, *input_shape)
        columns = F.conv2d(basis, weight, None, layer.stride, layer.padding)
        return columns.reshape(size, -1).t()

    return matrix


def matrices(norm: str, layer: nn.Module, input_shape: tuple[int, ...]) -> list[Matrix]:
    """What a normalization takes the norms of (the table of the papers)."""
    if norm == "none":
        return []
    if isinstance(layer, nn.Conv2d) and norm in ("bsn", "bssn"):
        return [rows_out, rows_in]
    if isinstance(layer, nn.Conv2d) and norm == "sn_conv":
        return [convolution_matrix(layer, input_shape)]
    return [rows_out]


def textbook_right_vector(parametrization: SpectralNorm, k: int, weight: Tensor) -> Tensor:
    """v_k of the project in the textbook's order of columns, (channel, k_h, k_w)."""
    v: Tensor = getattr(parametrization, f"v{k}")
    if v.ndim > 1 or weight.ndim == 2:
        return v.flatten().clone()
    channels = weight.shape[1 - k]
    kernel = weight.shape[2:]
    if k == 0:  # columns (k_h, k_w, c_in)
        return v.reshape(*kernel, channels).permute(2, 0, 1).flatten().clone()
    return v.reshape(channels, *kernel).flatten().clone()  # columns (c_out, k_h, k_w)


@dataclass
class Layer:
    """One layer's matrices with their u and v."""

    matrices: list[Matrix]
    us: list[Tensor]
    vs: list[Tensor]
    scale: float

    def normalized(self, weight: Tensor) -> Tensor:
        """Scale * W / mean_k u_k^T W_k v_k."""
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


class ReferenceGAN:
    """Copies a generator and a normalized discriminator and trains the copies literally."""

    def __init__(
        self,
        generator: nn.Module,
        normalized: nn.Module,
        plain: nn.Module,
        norm: str,
        objective: Objective,
        lr: float,
        betas: tuple[float, float],
    ) -> None:
        """``plain`` is the discriminator's architecture without normalization."""
        self.generator = copy.deepcopy(generator)
        self.plain = plain
        self.objective = objective
        self.layers: dict[str, Layer] = {}
        modules = dict(normalized.named_modules())
        state = normalized.state_dict()
        own = {
            key: state[key.replace("weight", "parametrizations.weight.original")].clone()
            if key not in state
            else state[key].clone()
            for key in plain.state_dict()
        }
        plain.load_state_dict(own)
        for name, layer in plain.named_modules():
            if not isinstance(layer, nn.Conv2d | nn.Linear):
                continue
            weight = layer.weight.detach()
            found = matrices(norm, layer, modules[name].input_shape)
            spectral = modules.get(f"{name}.parametrizations.weight.0")
            us, vs, scale = [], [], 1.0
            if isinstance(spectral, SpectralNorm):
                us = [getattr(spectral, f"u{k}").flatten().clone() for k in range(len(found))]
                vs = [textbook_right_vector(spectral, k, weight) for k in range(len(found))]
                scale = spectral.scale
            self.layers[f"{name}.weight"] = Layer(found, us, vs, scale)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr, betas, foreach=False)
        self.optimizer_d = torch.optim.Adam(plain.parameters(), lr, betas, foreach=False)

    def discriminate(self, images: Tensor) -> Tensor:
        """D(x) with W / sigma in place of W, differentiable in W."""
        parameters = {
            name: self.layers[name].normalized(p) if name in self.layers else p
            for name, p in self.plain.named_parameters()
        }
        logits: Tensor = functional_call(self.plain, parameters, (images,))
        return logits

    def iteration(self, images: Tensor, latents: Tensor) -> tuple[float, float]:
        """SNGAN Algorithm 1 with n_dis = len(images)."""
        losses = []
        for real, z in zip(images, latents, strict=True):
            fake = self.generator(z).detach()
            loss = self.objective.discriminator(self.discriminate(real), self.discriminate(fake))
            self.optimizer_d.zero_grad()
            loss.backward()
            self.optimizer_d.step()
            for name, parameter in self.plain.named_parameters():
                if name in self.layers:
                    self.layers[name].power_iterate(parameter)
            losses.append(loss.item())
        loss = self.objective.generator(self.discriminate(self.generator(latents[-1])))
        self.optimizer_g.zero_grad()
        loss.backward()
        self.optimizer_g.step()
        return sum(losses) / len(losses), loss.item()
