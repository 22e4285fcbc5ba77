"""The generator of a checkpoint for other programs: the command ``gan export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gan_lightning.checkpoints.finding import checkpoint_of
from gan_lightning.errors import UserError
from gan_lightning.export.agreement import require_agreement
from gan_lightning.export.folding import described, folded_copy
from gan_lightning.export.programs import Program, as_onnx, as_pt2, require_onnx
from gan_lightning.export.tensors import as_safetensors, read_generator
from gan_lightning.files import told, writable, write_whole
from gan_lightning.gan import GAN
from gan_lightning.networks import Generator

SUFFIXES = (".safetensors", ".onnx", ".pt2")


def export(
    out: str, ckpt: str | None = None, run: str | None = None, ema: bool = False
) -> dict[str, str]:
    """Writes the generator of a checkpoint, its normalizations folded into the weights.

    The file is written only if it makes the images of the checkpoint, to 1e-5 of a pixel. The
    discriminator is left out.

    Args:
        out: The file; its ending says what it is: ``.safetensors`` (tensors, and the class they
            belong to; read by ``gan_lightning.load_generator``), ``.onnx``, or ``.pt2``
            (``torch.export``). The last two take any number of images.
        ckpt: The checkpoint: a file, the folder of a run, or ``last`` or ``best`` of ``run``.
        run: Folder of a run; its last checkpoint, if ``ckpt`` says nothing else.
        ema: Export the moving average of the generator.

    Returns:
        What was written, and how well it agrees.

    Raises:
        UserError: The checkpoint, the moving average or a package is missing, or the network
            cannot be exported.
    """
    path = Path(out).expanduser()
    if path.suffix not in SUFFIXES:
        raise UserError(f"{out} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}", "out")
    if not writable(path):
        raise UserError(f"{out} cannot be written: choose a file in a folder that can", "out")
    if path.suffix == ".onnx":
        require_onnx()
    checkpoint = checkpoint_of(ckpt, run)
    gan = GAN.load_from_checkpoint(checkpoint, map_location="cpu")
    trained = gan.used_generator(ema)
    content, program = _written(path, gan, folded_copy(trained))
    difference = require_agreement(trained, program, out)
    with told(path):
        write_whole(path, content)
    facts = {key: str(value) for key, value in described(trained).items()}
    return {
        "checkpoint": checkpoint,
        "out": f"{path}, {len(content):,} bytes",
        **facts,
        "agreement": f"pixels differ by at most {difference:.2g}",
    }


def _written(path: Path, gan: GAN, plain: Generator) -> tuple[bytes, Program]:
    """The file's content, and what reading it gives."""
    if path.suffix == ".safetensors":
        content = as_safetensors(gan, plain)
        return content, read_generator(content, str(path))
    programs: dict[str, Callable[[Generator], tuple[bytes, Program]]] = {
        ".onnx": as_onnx,
        ".pt2": as_pt2,
    }
    return programs[path.suffix](plain)
