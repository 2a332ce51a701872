"""Finding the user's own modules, which the settings name."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from gateway.errors import ConfigurationError


def find_package(name: str, setting: str) -> Path:
    """The folder of a package, without importing it; that of the working directory comes first.

    Raises `ConfigurationError`, which names `setting`, when there is no such package.
    """
    here = Path(*name.split("."))
    if here.is_dir():
        return here.resolve()
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"{setting}: there is no package of that name")
    return Path(next(iter(spec.submodule_search_locations)))


def see_working_directory() -> None:
    """Let modules of the working directory be imported: a console script alone does not.

    Last on the path, so that nothing there takes the place of a package.
    """
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.append(here)
