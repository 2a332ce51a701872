"""Where a source is, as its spans tell it: never what lets one in."""

import pytest
from asking import built
from toy.domain import domain

from gateway.sources.postgres.source import PostgresSource
from gateway.telemetry.places import WEB, place_of

DATABASES = {"postgresql": 5432, "redis": 6379, "rediss": 6379}


def place(host, port, name=None):
    return {
        "server.address": host,
        "server.port": port,
        **({} if name is None else {"db.namespace": name}),
    }


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:p@db.example/shop", place("db.example", 5432, "shop")),
        ("postgresql://u:p,w@db:6000/my%20shop?sslmode=require", place("db", 6000, "my shop")),
        ("postgresql://u:p@[::1]:7/shop", place("::1", 7, "shop")),
        (
            "postgresql://u:p@/shop?host=%2Frun%2Fpg&port=5433",
            {"server.address": "/run/pg", "db.namespace": "shop"},
        ),
        ("rediss://:p@cache.example/3", place("cache.example", 6379, "3")),
        ("https://people.example/v1/graphql?key=hunter2", place("people.example", 443)),
        ("http://people:p@127.0.0.1:8001/graphql", place("127.0.0.1", 8001)),
    ],
)
def test_a_place_is_host_port_and_database(url, told):
    """Default ports are told too; a path is a name only where it is a database's."""
    databases = not url.startswith("http")
    assert place_of(url, DATABASES if databases else WEB, named=databases) == told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@one,two:5433/shop",
        "redis+sentinel://:p@one:26379,two:26379/main/0",
        "redis+cluster://:p@one:7000",
        "unix://:p@/run/valkey.sock?db=1",
        "postgresql://u:12#hunter2@db/shop",
        "postgresql://u:12/hunter2@db/shop",
        "postgresql://u:12?hunter2@db/shop",
        "postgresql://u:p@db:notaport/shop",
        "",
    ],
)
def test_nothing_is_told_of_what_may_be_several_or_a_secret(url):
    """Several servers have no one place, and half of an unquoted password is no host."""
    assert place_of(url, DATABASES, named=True) == {}


def test_the_port_that_is_spoken_to_is_told():
    """Qdrant's gRPC beside its REST."""
    assert place_of("https://vectors.example:6333", port=6334) == place("vectors.example", 6334)


def test_of_a_database_with_a_replica_the_name_alone():
    """Nobody knows which of the two a statement goes to."""
    catalog = built(domain).catalog
    url = "postgresql://u:p@db.example/shop"
    alone = PostgresSource("postgres", url, catalog)
    beside = PostgresSource("postgres", url, catalog, replica="postgresql://u:p@other/shop")
    name = {"db.system.name": "postgresql", "db.namespace": "shop"}
    assert alone.place == name | place("db.example", 5432)
    assert beside.place == beside.primary.place == name
