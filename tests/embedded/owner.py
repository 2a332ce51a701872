"""A program that owns engines, to be killed by tests: python owner.py FOLDER NAME…

Prints its engines' URLs as JSON when they answer, and stops them at the end of its input.
"""

import dataclasses
import json
import sys
from pathlib import Path

from gateway.embedded import start

if __name__ == "__main__":
    with start(Path(sys.argv[1]), names=sys.argv[2:]) as engines:
        sys.stdout.write(json.dumps(dataclasses.asdict(engines.urls)) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
