"""What a run leaves in its folder and takes from its surroundings: lock, logs, signals."""
