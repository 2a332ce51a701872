"""Classes that SQLAlchemy's ORM maps stand for their tables, wherever a declaration takes one."""

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from ddl import ddl
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from strawberry import ID
from toy.running import Zoo, running

from gateway import (
    Connection,
    Domain,
    VectorCollection,
    VectorSync,
    Viewer,
    belongs_to,
    by_key,
    entity,
    field,
    insert,
    listing,
    many_through,
    mutations,
    queries,
)
from gateway.errors import ConfigurationError
from gateway.schema.columns.tables import table_of, values_of
from gateway.sources.postgres.syncing.statements import statements_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


class Base(DeclarativeBase):
    pass


class Writers(Base):
    __tablename__ = "writers"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    name: Mapped[str]
    hidden: Mapped[bool] = mapped_column(server_default=sa.false())


class Texts(Base):
    __tablename__ = "texts"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    title: Mapped[str]
    editor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("writers.id"))


class Written(Base):
    __tablename__ = "written"

    writer_id: Mapped[int] = mapped_column(sa.ForeignKey("writers.id"), primary_key=True)
    text_id: Mapped[int] = mapped_column(sa.ForeignKey("texts.id"), primary_key=True)


def _shown(writer: Any, _: Viewer) -> Any:
    return ~writer.hidden


@entity(Writers, rule=_shown)
class Writer:
    """Somebody who writes."""

    id: ID
    name: str
    texts: Connection["Text"] = many_through(Written)


@entity(Texts)
class Text:
    """What was written."""

    id: ID
    title: str
    editor: Writer | None = belongs_to("editor_id")

    @field(needs=("title",))
    def loud(self) -> str:
        return self.title.upper()


@queries
class Reading:
    writer: Writer | None = by_key()
    texts: Connection[Text] | None = listing()


@mutations
class Writing:
    insert_text: Text | None = insert()


@pytest.fixture(scope="module")
async def texts(module_database: "FreshDatabase", redis_url: str) -> "AsyncIterator[Zoo]":
    domain = Domain(entities=[Writer, Text], queries=[Reading], mutations=[Writing])
    async with running(module_database, redis_url, domain) as one:
        await one.connection.execute(ddl(Base.metadata))
        await one.connection.execute(
            """INSERT INTO writers (id, name, hidden) VALUES (1, 'Ada', false), (2, 'Eve', true);
               INSERT INTO texts VALUES (1, 'On looms', 1), (2, 'On hiding', 2);
               INSERT INTO written VALUES (1, 1), (1, 2), (2, 2)"""
        )
        yield one


async def test_rows_relations_and_rules_are_those_of_the_table(texts: Zoo) -> None:
    """Columns, both kinds of relation, a rule, and a plain resolver."""
    data = await texts.data(
        """{ writer(id: 1) { name texts { nodes { loud } } } hidden: writer(id: 2) { name }
             texts(where: { editor: { name: { eq: "Ada" } } }) { nodes { title editor { name } } } }"""
    )
    assert data["writer"] == {
        "name": "Ada",
        "texts": {"nodes": [{"loud": "ON LOOMS"}, {"loud": "ON HIDING"}]},
    }
    assert data["hidden"] is None
    assert data["texts"]["nodes"] == [{"title": "On looms", "editor": {"name": "Ada"}}]


async def test_rows_are_written(texts: Zoo) -> None:
    """By the class as by the table."""
    document = 'mutation { insertText(input: { id: "7", title: "New" }) { id title } }'
    assert (await texts.data(document))["insertText"] == {"id": "7", "title": "New"}


def test_a_sync_reads_the_attributes_of_the_class() -> None:
    """Its text and payload name the columns that it watches."""
    collection = VectorCollection("texts", size=8, payload={"title": str})
    sync = VectorSync(collection, Texts, text=Texts.title, payload={"title": Texts.title})
    assert sync.table is Texts.__table__
    assert sync.columns == ("title",)
    both = VectorSync(
        collection, Texts, text=Texts.title + " " + Texts.id, payload={"title": Texts.title}
    )
    assert both.columns == ("id", "title")
    assert "texts.title" in statements_of(both).rows
    with pytest.raises(ConfigurationError, match="is no column of table texts"):
        VectorSync(collection, Texts, text=Writers.name, payload={"title": Texts.title})


@pytest.mark.parametrize("given", [object(), int, "texts"])
def test_anything_else_is_refused(given: Any) -> None:
    """With what would be right."""
    with pytest.raises(ConfigurationError, match="a table of SQLAlchemy"):
        entity(given)


def test_what_a_session_has_not_read_is_not_looked_for() -> None:
    """An object holds what it was given or what was read; of one that is expired the key is left."""
    engine = sa.create_engine("sqlite://")
    Writers.__table__.create(engine)  # type: ignore[attr-defined]  # a table has it
    with Session(engine) as session:
        writer = Writers(id=7, name="Ann")
        assert values_of(writer, table_of(Writers, "")) == {"id": 7, "name": "Ann"}
        session.add(writer)
        session.commit()
        assert values_of(writer, table_of(Writers, "")) == {"id": 7}
        assert writer.hidden is False
        assert values_of(writer, table_of(Writers, "")) == {"id": 7, "name": "Ann", "hidden": False}
    engine.dispose()
    for other in (Writers, {"id": 7}, Texts(id=7), None):
        assert values_of(other, table_of(Writers, "")) is None
