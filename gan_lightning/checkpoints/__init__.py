"""Checkpoints as files: written whole, verified, compared, and loaded without running anything."""
