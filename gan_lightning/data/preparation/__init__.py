"""How a dataset becomes one array of bytes on disk."""
