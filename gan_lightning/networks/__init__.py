"""Generators and discriminators: plain torch, knowing nothing of norms, losses or Lightning."""
