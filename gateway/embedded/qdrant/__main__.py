"""`python -m gateway.embedded.qdrant --data DIR --port PORT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.embedded.qdrant.serving import run


def main() -> int:
    """Read the command line and serve; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.embedded.qdrant",
        description="Serve Qdrant's gRPC on 127.0.0.1 over the embedded engine.",
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of the collections")
    parser.add_argument("--port", type=int, required=True, help="TCP port to listen on")
    options = parser.parse_args()
    return run(options.data, options.port)


if __name__ == "__main__":
    sys.exit(main())
