"""The people service, and a gateway in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from upstream import joined, people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined
    from upstream.people import People


@pytest.fixture
async def service() -> AsyncIterator[People]:
    async with people.running() as one:
        yield one


@pytest.fixture
async def gateway(service: People) -> AsyncIterator[Joined]:
    async with joined.running(service, joined.joined()) as one:
        yield one
