"""``python -m gan_lightning.cli`` is ``gan``."""

from gan_lightning.cli.main import main

main()
