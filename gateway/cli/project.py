"""Finding the user's own modules, which the settings name."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType


def find_package(name: str, setting: str) -> Path:
    """The folder of a package, without importing it.

    Raises `ConfigurationError`, which names `setting`, when there is no such package.
    """
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"{setting}: there is no package of that name")
    return Path(next(iter(spec.submodule_search_locations)))


def load_module(name: str, setting: str) -> ModuleType:
    """Import a module. Raises `ConfigurationError`, which names `setting`, when it is missing."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(f"{setting}: there is no module {name}") from None


def see_working_directory() -> None:
    """Let modules of the working directory be imported: a console script alone does not.

    Last on the path, so that nothing there takes the place of a package.
    """
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.append(here)
