"""Importing a library without the parts that it loads only because they happen to be installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
