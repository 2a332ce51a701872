"""`python -m gateway.embedded.qdrant --data DIR --port PORT [--rest-port PORT]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gateway.embedded.qdrant.serving import run

GIVES_WAY = 10
"""By how much the engine is nicer than others: exact searches are milliseconds of both processors,
and a gateway on the same machine that waits for them answers nobody.
"""


def main() -> int:
    """Read the command line and serve; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.embedded.qdrant",
        description="Serve Qdrant's gRPC and REST on 127.0.0.1 over the embedded engine.",
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of the collections")
    parser.add_argument("--port", type=int, required=True, help="TCP port of gRPC")
    parser.add_argument("--rest-port", type=int, help="TCP port of REST; without it gRPC only")
    options = parser.parse_args()
    os.nice(GIVES_WAY)
    return run(options.data, options.port, options.rest_port)


if __name__ == "__main__":
    sys.exit(main())
