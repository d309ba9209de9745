"""``python -m hetscore``: the command line without its script."""

from hetscore.cli import main

main()
