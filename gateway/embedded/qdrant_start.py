"""`python -m gateway.embedded.qdrant`, without qdrant_client's own `__init__`.

The engine process needs the messages of `qdrant_client.grpc` only. The package's `__init__` also
loads the client with its models: two seconds and 50 MB for nothing. So an empty package stands
in its place, from which submodules are imported as usual.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from types import ModuleType

from gateway.errors import ConfigurationError

PACKAGE = "qdrant_client"


def stand_in() -> ModuleType:
    """An empty module with the package's path; raises `ConfigurationError` where it is missing."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ConfigurationError(f"the embedded engines need the package {PACKAGE!r}")
    package = ModuleType(PACKAGE)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    return package


if __name__ == "__main__":
    sys.modules[PACKAGE] = stand_in()
    runpy.run_module("gateway.embedded.qdrant", run_name="__main__", alter_sys=True)
