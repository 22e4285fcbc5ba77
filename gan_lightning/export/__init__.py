"""The generator alone, for other programs: safetensors, torch.export and ONNX."""

from gan_lightning.export.tensors import load_generator

__all__ = ["load_generator"]
