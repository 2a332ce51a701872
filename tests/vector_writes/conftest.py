"""The served gateway of these tests, and its collections."""

from __future__ import annotations

import itertools

import pytest
from points_site import served

from gateway.embedding.local import LocalEmbedder
from gateway.sources.qdrant import Distance

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def site(qdrant_endpoint):
    async with served(qdrant_endpoint) as running:
        yield running


@pytest.fixture
async def notes(site):
    """The declared collections, empty: notes of the local model, and shapes by dot product."""
    administration = site.source.administration
    await administration.delete_collection("jottings")
    await administration.ensure_collection("jottings", 256, model=LocalEmbedder.model)
    await administration.delete_collection("shapes")
    await administration.ensure_collection("shapes", 4, Distance.DOT)


@pytest.fixture
def name():
    """A collection's name that no other test uses."""
    return f"scratch_{next(_numbers)}"
