"""What a live database holds is read as it is, and within a deadline."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import pytest

from gateway.errors import ConfigurationError, SourceTimeout, SourceUnavailable
from gateway.sources.postgres.introspection.catalogue import ForeignKey, Name
from gateway.sources.postgres.introspection.reading import read_database

FIXTURE = Path(__file__).parents[2] / "fixtures" / "media_shop.sql"
SCHEMAS = ("public", "music", "office")


@pytest.fixture(scope="module")
async def shop(module_database):
    """A foreign database, read."""
    url = await module_database()
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(FIXTURE.read_text("utf-8"), timeout=60)
    await connection.close()
    return await read_database(url, SCHEMAS)


@pytest.fixture
def table(shop):
    """`table("public", "film")` finds a table."""
    found = {table.name: table for table in shop.tables}
    return lambda schema, own: found[Name(schema, own)]


async def test_tables_views_and_no_partitions(shop):
    """Partitions are seen as part of their table; views and tables are told apart."""
    sorts = {table.name.own: table.sort for table in shop.tables}
    assert len(sorts) >= 40
    assert sorts["payment"] == "table"
    assert not {"payment_2024", "payment_2025"} & set(sorts)
    assert sorts["film_list"] == "view"
    assert sorts["rental_by_category"] == "materialised view"
    assert shop.barred == ()


async def test_keys(table):
    """Primary keys in their own order, unique sets that hold for all rows, and no others."""
    assert table("public", "payment").primary == ("payment_date", "payment_id")
    assert table("public", "rental").uniques == (("rental_date", "inventory_id", "customer_id"),)
    assert table("office", "unkeyed").uniques == (("code",),)
    assert table("office", "partly_unique").uniques == ()
    assert table("public", "rental_by_category").uniques == (("category",),)


async def test_foreign_keys(table):
    """Columns and references pair up, of one column or several, with what happens on a change."""
    language, original = table("public", "film").foreign_keys
    home = Name("public", "language")
    assert language == ForeignKey(("language_id",), home, ("language_id",), "RESTRICT", "CASCADE")
    assert original.columns == ("original_language_id",)
    assert [key.references for key in table("office", "ticket").foreign_keys] == [
        ("tenant_id", "id"),
        ("tenant_id", "id"),
    ]
    (mentor,) = table("office", "person").foreign_keys
    assert (mentor.columns, mentor.references) == (("mentor",), ("email",))


async def test_columns(table):
    """Defaults, identities, generated columns and comments; a domain gives its default."""
    payment = table("public", "payment").column("payment_id")
    assert (payment.identity, payment.default) == ("always", None)
    fulltext = table("public", "film").column("fulltext")
    assert fulltext.computed.startswith("to_tsvector('english'::regconfig")
    assert (fulltext.stored, fulltext.default) == (True, None)
    assert table("public", "staff").column("email").default == "'nobody@example.org'::text"
    assert table("public", "film").column("length").comment.startswith("How long it runs")
    assert not table("public", "film").column("title").nullable


@pytest.mark.parametrize(
    ("place", "model", "kind"),
    [
        (("public", "film", "rental_rate"), "sa.Numeric(4, 2)", "Decimal"),
        (("public", "film", "release_year"), "sa.Integer", "Int"),
        (("public", "film", "special_features"), "pg.ARRAY(sa.Text)", "String"),
        (("public", "film", "fulltext"), "pg.TSVECTOR", None),
        (("public", "language", "name"), "sa.CHAR(20)", "String"),
        (("music", "artist", "name"), "sa.String(120)", "String"),
        (("music", "track", "bytes"), "sa.BigInteger", "BigInt"),
        (("office", "person", "id"), "sa.Uuid", "UUID"),
        (("office", "person", "tags"), "pg.ARRAY(sa.Text)", "String"),
        (("office", "person", "home"), None, None),
        (("office", "person", "counts"), None, None),
        (("office", "person", "address"), "pg.INET", None),
        (("office", "person", "daily_start"), "sa.Time(timezone=True)", None),
        (("office", "person", "profile"), "pg.JSONB", "JSON"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value),
)
async def test_types(table, place, model, kind):
    """Domains are seen through; what the gateway cannot bind says why."""
    type_ = table(*place[:2]).column(place[2]).type
    assert type_.model == model
    assert (type_.kind.name if type_.kind else None) == kind
    assert type_.bindable == (kind is not None)


async def test_enums(table):
    """Labels come in their order, also within a list."""
    rating = table("public", "film").column("rating").type.enum
    assert rating.labels == ("G", "PG", "PG-13", "R", "NC-17")
    assert rating.comment == "Who may see a film."
    skills = table("office", "person").column("skills").type
    assert skills.array
    assert skills.enum.labels == ("sql", "python")
    assert not table("office", "person").column("nothing").type.bindable


async def test_a_schema_that_is_not_there(postgres_url):
    """The error names the option, and what there is."""
    with pytest.raises(ConfigurationError, match="--schema: there is no schema 'nowhere'"):
        await read_database(postgres_url, ("public", "nowhere"))


async def test_a_refused_login_quotes_nothing(postgres_url):
    """Neither the password nor the role stands in the message."""
    user, _, rest = postgres_url.partition("@")
    wrong = f"{user.rpartition(':')[0]}:hunter2@{rest}"
    with pytest.raises(ConfigurationError) as raised:
        await read_database(wrong, ("public",))
    assert "hunter2" not in raised.value.message


async def test_nobody_at_the_address():
    """Nothing listens: the source is unavailable."""
    with pytest.raises(SourceUnavailable):
        await read_database("postgresql://someone@127.0.0.1:1/db", ("public",))


async def test_a_server_that_never_answers():
    """The deadline ends the reading, whoever is at the other end."""

    async def silent(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceTimeout):
            await read_database(
                f"postgresql://someone@127.0.0.1:{port}/db?sslmode=disable",
                ("public",),
                seconds=0.2,
            )
