"""The gallery of these tests, and what forces a way on its searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gallery import Gallery, opened

from gateway.documents.store import DocumentStore
from gateway.execution.vector_search.tactics import Tactics, Way
from gateway.sources.postgres.reads.candidates import KEYS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conftest import FreshDatabase

TACTICS = {
    "as estimated": Tactics(),
    "rows first": Tactics(forced=Way.ROWS_FIRST),
    "rows in portions": Tactics(forced=Way.ROWS_FIRST),
    "vectors first": Tactics(forced=Way.VECTORS_FIRST),
    "vectors given up": Tactics(forced=Way.VECTORS_FIRST, farthest=5),
}

IN_PORTIONS = {"rows in portions", "vectors given up"}


@pytest.fixture(scope="module")
async def gallery(module_database: FreshDatabase, qdrant_endpoint: str) -> AsyncIterator[Gallery]:
    """A gallery of the module's own."""
    async with opened(module_database, qdrant_endpoint) as running:
        yield running


@pytest.fixture(params=sorted(TACTICS))
def any_way(request: pytest.FixtureRequest, gallery: Gallery) -> Iterator[None]:
    """The gallery's searches go this way, whatever the estimates say."""
    gallery.engine.tactics = TACTICS[request.param]
    gallery.postgres.portion = 7 if request.param in IN_PORTIONS else KEYS_AT_ONCE
    gallery.engine.store = DocumentStore(gallery.engine.api.catalog.schema)  # nothing planned yet
    yield
    gallery.postgres.portion = KEYS_AT_ONCE
    gallery.engine.store = DocumentStore(gallery.engine.api.catalog.schema)
