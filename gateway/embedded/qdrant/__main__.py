"""`python -m gateway.embedded.qdrant --data DIR --port PORT [--rest-port PORT]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gateway.embedded.qdrant.builds import NOTHING_TO_BUILD
from gateway.embedded.qdrant.collection import build_shard
from gateway.embedded.qdrant.serving import run

_NICENESS = 10


def main() -> int:
    """Read the command line and serve, or build one shard; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.embedded.qdrant",
        description="Serve Qdrant's gRPC and REST on 127.0.0.1 over the embedded engine.",
    )
    parser.add_argument("--data", type=Path, help="directory of the collections")
    parser.add_argument("--port", type=int, help="TCP port of gRPC")
    parser.add_argument("--rest-port", type=int, help="TCP port of REST; without it gRPC only")
    parser.add_argument("--build", type=Path, help="build the shard in this directory, no more")
    options = parser.parse_args()
    if options.build is not None:
        os.nice(_NICENESS)  # whoever searches meanwhile goes first
        return 0 if build_shard(options.build) else NOTHING_TO_BUILD
    if options.data is None or options.port is None:
        parser.error("--data and --port are needed")
    return run(options.data, options.port, options.rest_port)


if __name__ == "__main__":
    sys.exit(main())
