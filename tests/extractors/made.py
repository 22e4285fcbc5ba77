"""What several tests of extractors look at."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open


def metadata(path: Path) -> dict[str, str]:
    """What a file of safetensors says of itself."""
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())
