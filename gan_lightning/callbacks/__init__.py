"""What happens around training: samples, evaluation, graceful stop."""
