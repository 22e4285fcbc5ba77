"""What wraps a layer of a network."""
