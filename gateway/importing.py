"""Importing: a library without what it loads only because it is there; what a folder holds."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let these modules seem absent to what is imported during the block; loaded ones stay.

    For imports that a library itself makes optional; afterwards everybody can import them.
    """
    hidden = [name for name in modules if name not in sys.modules]
    # None stands for a module that cannot be found: docs.python.org/3/reference/import.html
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # the stubs do not know it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def place_of(name: str) -> Path | None:
    """The folder of a package, or the file of a module, that `import_here` would import."""
    found = PathFinder.find_spec(name, [str(Path.cwd())]) or PathFinder.find_spec(name)
    if found is None:
        return None
    folders = found.submodule_search_locations
    if folders:
        return Path(next(iter(folders))).resolve()
    return None if found.origin is None else Path(found.origin).resolve()


def import_here(name: str) -> ModuleType:
    """Import a module; a package of the working directory wins over an installed one of that name.

    Only this name: nothing else that lies in the folder takes the place of a library.
    """
    top = name.partition(".")[0]
    found = None if top in sys.modules else PathFinder.find_spec(top, [str(Path.cwd())])
    if found is not None and found.origin is not None and found.loader is not None:
        sys.modules[top] = module_from_spec(found)
        try:
            found.loader.exec_module(sys.modules[top])
        except BaseException:
            del sys.modules[top]
            raise
    return import_module(name)
