"""`python -m gateway.cli` is `plait`."""

from gateway.cli import main

main()
