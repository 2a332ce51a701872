"""Reads of Directus as HTTP requests: by GET, or by SEARCH where the URL would grow too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from gateway.sources.http import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_URL = 4_096
"""Bytes of a path with its query; proxies take 8 kB as a rule."""

_OWN = "directus_"
_JSON = {"content-type": "application/json"}


def items_path(collection: str) -> str:
    """Where the items of a collection are; Directus's own ones have places of their own."""
    if collection.startswith(_OWN):
        return f"/{quote(collection.removeprefix(_OWN), safe='')}"
    return f"/items/{quote(collection, safe='')}"


def query_string(query: Mapping[str, Any]) -> str:
    """The query of a URL: names in lists stand between commas, what is no text is JSON."""
    return urlencode(parameters(query))


def parameters(query: Mapping[str, Any]) -> dict[str, str]:
    """The same before it is encoded."""
    return {name: _written(value) for name, value in query.items()}


def reading(path: str, query: Mapping[str, Any]) -> Outgoing:
    """A read, which may be sent again."""
    whole = f"{path}?{query_string(query)}"
    if len(whole) <= LONGEST_URL:
        return Outgoing("GET", whole, repeatable=True)
    return Outgoing("SEARCH", path, orjson.dumps({"query": query}), _JSON, repeatable=True)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(value)
    return orjson.dumps(value).decode()
