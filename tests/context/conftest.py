"""Fixtures: the engines behind the five kinds of key-value sources."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from context.kinds import KINDS, bench
from context.servers import mongodb, s3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from context.kinds import Bench

    from gateway.context.datasource import Datasource


@pytest.fixture(scope="session")
def mongodb_url() -> Iterator[str]:
    """A MongoDB server of this session."""
    if not Path(sys.executable).with_name("secantusd-py").exists():
        pytest.skip("SecantusDB, a MongoDB from a wheel, has none for this Python")
    yield from _served(mongodb)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3 server of this session, with its bucket."""
    yield from _served(s3)


def _served(server) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="plait-tests-"))
    try:
        with server(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def url_of(request: pytest.FixtureRequest):
    """`url_of(kind)`: where the engine of a kind is; it is started when it is asked for."""
    fixtures = {
        "redis": "redis_url",
        "postgresql": "postgres_url",
        "mongodb": "mongodb_url",
        "s3": "s3_url",
    }

    def url_of(kind: str) -> str:
        if kind == "filesystem":
            return str(request.getfixturevalue("tmp_path_factory").mktemp("contexts"))
        return request.getfixturevalue(fixtures[kind])

    return url_of


@pytest.fixture(params=KINDS)
async def benched(
    request: pytest.FixtureRequest, url_of
) -> AsyncIterator[tuple[Bench, Datasource]]:
    """Each kind in turn, over its engine: the bench and a connected source."""
    async with bench(request.param, url_of(request.param)) as made:
        yield made


@pytest.fixture
def source(benched) -> Datasource:
    """Each kind in turn: a connected source."""
    return benched[1]
