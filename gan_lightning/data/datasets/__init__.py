"""Datasets, one file each, named by what a user types: `--data cifar10`."""
