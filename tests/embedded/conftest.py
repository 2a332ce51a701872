"""Fixtures of the embedded engines' tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("embedded.life", "embedded.qdrant_calls")

from embedded.qdrant_calls import stock_client  # noqa: E402 - after its registration


@pytest.fixture
def folder(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
async def client(qdrant_endpoint):
    """The stock client."""
    async with stock_client(qdrant_endpoint) as stock:
        yield stock
