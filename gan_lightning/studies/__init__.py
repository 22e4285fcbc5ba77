"""Many runs of one study: a sweep file in W&B's format, enumerated and run on this machine."""
