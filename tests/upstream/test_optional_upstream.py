"""An upstream that the domain can do without: what is asked of it fails, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from asking import Asking, built
from operations.stage import HERE, MIGRATIONS
from upstream.joined import by_text

from gateway.agreement import check_bound
from gateway.composition import Gateway
from gateway.domain import load_api
from gateway.errors import ConfigurationError, SourceUnavailable
from gateway.settings import load
from gateway.sources.contract import Budget
from gateway.sources.postgres.migrate import upgrade
from gateway.sources.upstream.source import UpstreamSource
from gateway.wiring import registry_of
from resolvers import PEOPLE
from resolvers.demo.people import schema as served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

MESSAGE = "upstream.people is not configured: set upstream.people.url."


class Bundled(Asking):
    """The bundled domain over a database alone."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.engine = gateway.engine


@pytest.fixture
async def bundled(fresh_database: FreshDatabase) -> AsyncIterator[Bundled]:
    url = await fresh_database()
    await upgrade(url, MIGRATIONS)
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute((HERE / "rows.sql").read_text("utf-8"), timeout=30)
    await connection.close()
    gateway = Gateway(load(environ={"PLAIT_CONFIG": "", "POSTGRES_URL": url}))
    await gateway.open()
    yield Bundled(gateway)
    await gateway.close()


async def test_its_fields_answer_errors_in_their_places(bundled: Bundled) -> None:
    """Without its URL the rows are whole, and owners null with a typed error each.

    Of a row without an owner nothing is asked, so that nothing fails.
    """
    answer = await bundled.ask("""{
      trends(orderBy: [{ rank: ASC }], where: { rank: { in: [3, 4, 5] } }) {
        nodes { ownerId owner { name } }
      }
      people { name }
    }""")
    owned = [{"ownerId": owner, "owner": None} for owner in ("hide-and-seek", "lost-keys", None)]
    assert answer["data"] == {"trends": {"nodes": owned}, "people": None}
    found = {tuple(error["path"]): error for error in answer["errors"]}
    assert set(found) == {
        ("people",),
        ("trends", "nodes", 0, "owner"),
        ("trends", "nodes", 1, "owner"),
    }
    for error in found.values():
        assert error["message"] == MESSAGE
        assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"


async def test_so_do_those_of_a_directus_that_is_not_configured(bundled: Bundled) -> None:
    """One for each null that it left, as the specification wants it; the rows are whole."""
    answer = await bundled.ask("{ trends(first: 3) { nodes { id article { id } } } }")
    assert [node["article"] for node in answer["data"]["trends"]["nodes"]] == [None] * 3
    assert [error["path"] for error in answer["errors"]] == [
        ["trends", "nodes", number, "article"] for number in range(3)
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SOURCE_UNAVAILABLE"}


async def test_it_takes_no_replica_out_of_rotation(bundled: Bundled) -> None:
    """It is told as missing, by the setting to set, and is not required."""
    budget = Budget(asyncio.get_running_loop().time() + 10)
    health = (await bundled.gateway.check(budget))["upstream.people"]
    assert (health.ready, health.required, health.detail) == (False, False, MESSAGE)


def test_what_is_missing_is_told_at_the_start() -> None:
    """One line names the setting, its variable, and what comes of it; none where it is set."""
    settings = load(environ={"PLAIT_CONFIG": "", "POSTGRES_HOST": "h"})
    line = (
        "upstream.people.url (UPSTREAM_PEOPLE_URL) is not set: fields bound to it answer an error"
    )
    assert line in check_bound(settings, load_api(settings))
    located = load(
        environ={"PLAIT_CONFIG": "", "POSTGRES_HOST": "h", "UPSTREAM_PEOPLE_URL": "http://h"}
    )
    assert line not in check_bound(located, load_api(located))


def test_one_that_is_not_optional_must_be_located() -> None:
    """The gateway does not start without it, and says which setting is missing."""
    settings: Any = load(environ={"PLAIT_CONFIG": "", "POSTGRES_HOST": "h"})
    embedder: Any = None
    with pytest.raises(ConfigurationError, match=r"upstream\.people\.url \(UPSTREAM_PEOPLE_URL\)"):
        registry_of(settings, built(by_text()), embedder)


async def test_its_subscriptions_fail_at_once() -> None:
    """Nobody is called for events either."""
    (info,) = built(by_text()).catalog.upstreams.values()
    source = UpstreamSource("upstream.people", None, info)
    await source.open()
    prepared: Any = None
    with pytest.raises(SourceUnavailable, match="is not configured"):
        await anext(source.events(prepared, ()))
    await source.close()


def test_the_pinned_schema_is_the_demos_service() -> None:
    """What the bundled domain has pinned is what its demo's service says of itself."""
    assert PEOPLE.sdl.read_text("utf-8") == served.as_str() + "\n"
