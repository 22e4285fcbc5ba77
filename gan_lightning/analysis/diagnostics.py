"""What can be asked of a discriminator in training; each question a class known by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from gan_lightning.analysis.gradients import total_norm
from gan_lightning.analysis.health import diversity_of, slopes
from gan_lightning.analysis.layers import variances
from gan_lightning.analysis.spectra import squared_singular_values
from gan_lightning.analysis.view import View
from gan_lightning.penalties import input_gradients


class Diagnostic(ABC):
    """A question about the discriminator, answered from its weights and a batch of its own.

    Subclasses are known to the command line by their class name, which is the beginning of their
    columns as well: ``<name>/<part>``. Weights are left alone; `gan_lightning.analysis.untouched`
    takes care of everything else that a pass may move.

    Attributes:
        vectors: What answers are called that are vectors; they go to ``spectra.jsonl``.
    """

    vectors = "values"

    @abstractmethod
    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """The answer, by part: by layer, or by kind of images.

        Args:
            view: What is looked at.
        """


class gradient_norm(Diagnostic):
    """Frobenius norms of the gradient of the discriminator's loss, by layer, and of all together.

    The loss is what an update descends, penalties included; the gradient is taken of the weights
    that are trained, without biases (BSSN Figs. 2, 5, 10-13 and 18, App. J.1).
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Makes one forward and one backward pass."""
        norms = view.gradient_norms
        return {**norms, "total": total_norm(list(norms.values()))}


class variance(Diagnostic):
    """Variances of the used weights' entries, by layer, and their product.

    BSSN Figs. 7, 16, 17 and 22. Divided by the square of the scale, that of sn is at most
    1 / max(m, n) (Theorem 2) and that of bsn at most 2 / ((c_in + c_out) k_h k_w) (Theorem 3);
    ``layers.json`` has both bounds.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        found = variances(view.layers)
        product = next(iter(found.values())).new_ones(())
        for value in found.values():
            product = product * value
        return {**found, "product": product}


class spectral_norm_out(Diagnostic):
    """s(W_out) of the used weights, by layer: what sn makes its scale (SNGAN Fig. 9)."""

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        return {name: values[0].sqrt() for name, values in view.spectra_out.items()}


class spectral_norm_in(Diagnostic):
    """s(W_in) of the used weights, by layer (BSSN 5.1); that of a linear layer is s(W_out)."""

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        return {
            layer.name: squared_singular_values(layer.unfolded(inwards=True))[0].sqrt()
            for layer in view.layers
        }


class spectral_norm_conv(Diagnostic):
    """Norms of the convolutions as operators on images of their size, by layer (BSSN 2 and 4).

    Linear layers are their own operator, whose norm `spectral_norm_out` has.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        return view.convolution_norms


class norm_ratio(Diagnostic):
    """s(conv) / s(W_out) of each convolution (BSSN Figs. 20 and 21).

    Between 1 and alpha (Tsuzuku et al. 2018, Corollary 1), which ``layers.json`` has; below 1 only
    where images are smaller than the kernel. It does not depend on the scale of the weight.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        return {
            name: norm / view.spectra_out[name][0].sqrt()
            for name, norm in view.convolution_norms.items()
        }


class spectra(Diagnostic):
    """All squared singular values of each W_out, largest first (SNGAN Fig. 3).

    Lines of ``spectra.jsonl`` are ``{"step", "layer", "squared_singular_values"}``; the figure
    divides by the first.
    """

    vectors = "squared_singular_values"

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the weights alone."""
        return view.spectra_out


class input_gradient_norm(Diagnostic):
    """Mean norm of the gradient of D(x) by x at real and fake images and between them.

    At ``real``, ``fake`` and, uniform on the segments from one to the other, ``between`` images,
    where the gradient penalty asks for 1 (BSSN App. I; SNGAN D.4).
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Makes three forward and backward passes."""
        draw, fake = view.draw, view.fake
        between = draw.images + draw.mix[:, None, None, None] * (fake - draw.images)
        points = {
            "real": (draw.images, draw.labels),
            "fake": (fake, draw.fake_labels),
            "between": (between, draw.labels),
        }
        network = view.discriminator.network
        return {
            name: input_gradients(network, images, labels).detach().norm(dim=1).mean()
            for name, (images, labels) in points.items()
        }


class output(Diagnostic):
    """Mean output of the discriminator on real, fake and held-out real images (SNGAN Fig. 17).

    ``held_out`` only where the dataset has a test split.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Makes two or three forward passes."""
        draw, other = view.draw, view.held_out
        seen = {"real": (draw.images, draw.labels), "fake": (view.fake, draw.fake_labels)}
        if other is not None:
            seen["held_out"] = other.images, other.labels
        return {
            name: view.logits(images, labels).double().mean()
            for name, (images, labels) in seen.items()
        }


class loss_slope(Diagnostic):
    """How steeply the discriminator's loss depends on its outputs, on real and fake images.

    Sums of |dL / dD(x)|: 1 where every image counts in full, 0 where the discriminator is
    saturated: beyond the margin of the hinge loss, or certain under the standard one.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Makes one forward pass."""
        real, fake = slopes(view.discriminator, view.objective, *view.shown)
        return {"real": real, "fake": fake}


class diversity(Diagnostic):
    """Root mean variance of the pixels over a batch, of real and fake images, and their ratio.

    0 where all images are the same. A ratio that falls tells of a generator that collapses; images
    can differ, and yet be of one kind.
    """

    def __call__(self, view: View) -> Mapping[str, Tensor]:
        """Looks at the images alone."""
        real, fake = diversity_of(view.draw.images), diversity_of(view.fake)
        return {"real": real, "fake": fake, "ratio": fake / real}
