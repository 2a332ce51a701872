"""Fields of a payload by their paths, chosen where more was fetched than is shown. Pure.

A path is names joined by dots, with `[]` behind the name of a list to go on below it. The result is
what Qdrant's own selection of a payload gives: a value that has nothing below it stays, a list that
the path does not enter loses its values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PATH = 256
_PATH = re.compile(r'[^.\[\]"]+(?:\[\])*(?:\.[^.\[\]"]+(?:\[\])*)*')


def check_paths(paths: tuple[Any, ...]) -> tuple[str, ...]:
    """The paths as they are. Raises `InputError` for one that is none."""
    for place, path in enumerate(paths):
        if not isinstance(path, str) or len(path) > MAX_PATH or not _PATH.fullmatch(path):
            raise InputError.about(
                f"fields[{place}]",
                "must be the path of a payload field: names joined by dots, "
                f"`[]` behind a list, at most {MAX_PATH} characters",
            )
    return paths


def selected(payload: Mapping[str, Any], paths: tuple[str, ...]) -> Mapping[str, Any]:
    """What of a payload lies on the paths."""
    nested = _tree(paths)
    if nested is None:
        return {path: payload[path] for path in paths if path in payload}
    chosen: dict[str, Any] = _chosen(payload, nested)
    return chosen


@lru_cache(maxsize=1024)
def _tree(paths: tuple[str, ...]) -> dict[str, Any] | None:
    """The paths as nested names, `{}` for all of a value; None where all are plain names."""
    if not any("." in path or "[" in path for path in paths):
        return None
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len):
        steps = path.replace("[]", ".[]").split(".")
        node = tree
        for place, step in enumerate(steps):
            if step in node and not node[step]:
                break
            node = node.setdefault(step, {})
            if place == len(steps) - 1:
                node.clear()
    return tree


def _chosen(value: Any, tree: Mapping[str, Any]) -> Any:
    """What of a value lies on the paths; one that has nothing below it stays as it is."""
    if not tree:
        return value
    if isinstance(value, list):
        return [_chosen(one, tree["[]"]) for one in value] if "[]" in tree else []
    if isinstance(value, dict):
        return {name: _chosen(value[name], below) for name, below in tree.items() if name in value}
    return value
