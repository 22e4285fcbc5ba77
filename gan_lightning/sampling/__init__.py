"""What a trained generator makes, as files: the command ``gan sample``."""
