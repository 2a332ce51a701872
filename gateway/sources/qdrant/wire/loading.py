"""Loads the client library: what it keeps in memory is what this source uses of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.importing import without
from gateway.sources.qdrant.requests.conditions import Match, Range
from gateway.sources.qdrant.requests.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.sources.qdrant.wire.session import Session

_USUAL = Filter((Match("field", "keyword", ("value",)), Range("field", "number", (("gte", 0.0),))))
"""What filters are mostly made of."""


def session_class() -> type[Session]:
    """The connection to a server; its module imports the client library."""
    # httpx's own command line, and HTTP/2, which the client does not use unless it is asked to.
    with without("httpx._main", "h2"), _models_built_when_used():
        import qdrant_client  # noqa: F401, PLC0415 - costs a second: when a source opens
    from gateway.sources.qdrant.wire.filters import native_filter  # noqa: PLC0415 - likewise
    from gateway.sources.qdrant.wire.session import Session  # noqa: PLC0415 - imports the client library

    native_filter(_USUAL)  # here, or the first filtered search would hold the loop meanwhile
    return Session


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """Leave the models that are imported now to build their validators when they are used first.

    Pydantic does so by itself for a model whose references are not resolved yet
    (https://docs.pydantic.dev/latest/concepts/models/#rebuilding-model-schema). The client asks
    for all of its three hundred at once: 15 MB and half of the second.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - comes with the client library

    rebuild = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(lambda _, **__: None)  # type: ignore[method-assign,assignment]  # until the import is done
    try:
        yield
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]  # as it was
