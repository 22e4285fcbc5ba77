"""Datasets as LightningDataModules over prepared arrays."""
