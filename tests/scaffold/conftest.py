"""A database from outside this project, and the package that is pulled from it."""

from __future__ import annotations

import sys

import asyncpg
import pytest
from scaffold.media_shop import FIXTURE, PACKAGE, SCHEMAS, WHOLE

from gateway.scaffold.comparing import compare
from gateway.scaffold.package_text import files_of
from gateway.scaffold.planning import plan
from gateway.scaffold.writing import write
from gateway.sources.postgres.introspection.reading import read_database


@pytest.fixture(scope="module")
async def shop_url(module_database):
    """The address of a database that holds the fixture; nobody changes it."""
    url = await module_database()
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(FIXTURE.read_text(), timeout=60)
    finally:
        await connection.close()
    return url


@pytest.fixture(scope="module")
async def shop(shop_url):
    """What the fixture holds, as it is read."""
    return await read_database(shop_url, SCHEMAS)


@pytest.fixture(scope="module")
async def folder(shop, tmp_path_factory):
    """The folder of the package pulled from it, which can be imported as `pulled_shop`."""
    home = tmp_path_factory.mktemp("pulled")
    package = home / PACKAGE
    write(package, compare(package, files_of(plan(shop, WHOLE), WHOLE)))
    sys.path.insert(0, str(home))
    yield package
    sys.path.remove(str(home))
    for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
