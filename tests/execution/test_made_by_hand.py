"""Objects of entities that a Python resolver made itself, or was given and returns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from strawberry import ID
from toy import tables
from toy.clients import put_together
from toy.handmade import Animal, domain
from toy.running import KEEPER, Zoo, running

from gateway import entity
from gateway.execution.exchange import GraphQLRequest
from gateway.execution.incremental.delivery import Incremental
from gateway.execution.incremental.formats import Form

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url, domain) as one:
        yield one


# What works --------------------------------------------------------------------------------------


async def test_what_an_object_holds_is_answered_without_a_source(zoo: Zoo) -> None:
    """Its columns under any alias, and the resolvers that need no others."""
    before = len(zoo.postgres.ran)
    data = await zoo.data(
        "{ whole { __typename id a: name mood weight born tags sign itself { name sign } } }"
    )
    held = {"name": "Nobody", "sign": "Nobody (WILD)"}
    assert data["whole"] == {
        "__typename": "Animal", "id": "77", "a": "Nobody", "mood": "WILD", "weight": 1.5,
        "born": None, "tags": ["new"], "sign": held["sign"], "itself": held,
    }  # fmt: skip
    assert len(zoo.postgres.ran) == before


async def test_what_it_lacks_is_read_by_its_key(zoo: Zoo) -> None:
    """Columns, relations, counters of another source, what permissions and extensions guard."""
    document = """{ byId(id: 1) { id name nickname secretName visits sign mother { id } nodeId
        children(first: 1) { totalCount nodes { name sign } } } }"""
    data = await zoo.data(document, viewer=KEEPER)
    assert data == await zoo.data(document.replace("byId", "byId: animal"), viewer=KEEPER)


async def test_what_it_holds_wins_over_its_row(zoo: Zoo) -> None:
    """Also where a resolver reads it; what is read is asked for in one statement."""
    before = len(zoo.postgres.ran)
    data = await zoo.data("{ mapped { name mood born sign alias mother { name } } }")
    assert data["mapped"] == {
        "name": "Mapped", "mood": "CALM", "born": "2020-02-09", "sign": "Mapped (calm)",
        "alias": None, "mother": {"name": "Ada"},
    }  # fmt: skip
    assert len(zoo.postgres.ran) == before + 1


async def test_a_resolver_may_return_the_object_it_was_given(zoo: Zoo) -> None:
    """With other selections than where it was read, and changed by the resolver."""
    data = await zoo.data(
        """{ animal(id: 2) { name itself { id mood a: children(first: 1) { nodes { id } }
               itself { mother { name itself { name } } } }
             nameless { name } renamed { name mood } children(first: 2) { nodes { itself { sign } } } } }"""
    )
    assert data["animal"] == {
        "name": "Bo",
        "itself": {
            "id": "2",
            "mood": "WILD",
            "a": {"nodes": [{"id": "4"}]},
            "itself": {"mother": {"name": "Ada", "itself": {"name": "Ada"}}},
        },
        "nameless": {"name": "Bo"},
        "renamed": {"name": "Nobody", "mood": "WILD"},
        "children": {
            "nodes": [{"itself": {"sign": "Dot (calm)"}}, {"itself": {"sign": "Ede (WILD)"}}]
        },
    }


async def test_lists_hold_objects_of_every_kind(zoo: Zoo) -> None:
    """Itself, mapped, by hand, null and references; their rows are read together."""
    before = len(zoo.postgres.ran)
    data = await zoo.data("{ animal(id: 1) { several { name mood mother { id } } } }")
    assert data["animal"]["several"] == [
        {"name": "Ada", "mood": "CALM", "mother": None},
        {"name": "Bo", "mood": "WILD", "mother": {"id": "1"}},
        None,
        {"name": "Given", "mood": "SLEEPY", "mother": {"id": "1"}},
        {"name": "Dot", "mood": "CALM", "mother": {"id": "2"}},
    ]
    assert len(zoo.postgres.ran) == before + 2
    assert await zoo.data("{ lists { name } }") == {
        "lists": [[{"name": "Ada"}], [], [{"name": "Given"}, None]]
    }


async def test_they_may_stand_in_types_of_the_domain(zoo: Zoo) -> None:
    """As members of an object, in a union, and as what a mutation returns."""
    data = await zoo.data("{ report { title best { name mood } must { name } } }")
    assert data["report"] == {
        "title": "Best",
        "best": {"name": "Dottie", "mood": "CALM"},
        "must": {"name": "Ede"},
    }
    animals = "... on Animal { id name mood }"
    for which, name in (("reference", "Cleo"), ("hand", "Given")):
        data = await zoo.data(f'{{ found(which: "{which}") {{ {animals} }} }}')
        assert data["found"] == {"id": "3", "name": name, "mood": "SLEEPY"}
    data = await zoo.data('{ found(which: "report") { ... on Report { must { name } } } }')
    assert data["found"] == {"must": {"name": "Ada"}}
    data = await zoo.data("mutation { touch(id: 1) { name mood } }", viewer=KEEPER)
    assert data["touch"] == {"name": "Touched", "mood": "CALM"}


async def test_keys_and_labels_are_taken_as_python_has_them(zoo: Zoo) -> None:
    """UUIDs, whole numbers, and the names of an enum as its labels."""
    data = await zoo.data("{ keeper { id name } feeding { animalId quality } }")
    assert data["keeper"]["id"] == "01000000-0000-0000-0000-000000000001"
    assert data["keeper"]["name"]
    assert data["feeding"] == {"animalId": "1", "quality": "GOOD"}


# Where there is no row ---------------------------------------------------------------------------


async def test_an_object_without_a_row_is_null(zoo: Zoo) -> None:
    """As a reference is: there is none, or none for the viewer; an error where it must be."""
    assert await zoo.data("{ a: byId(id: 99) { name } b: byId(id: 6) { name } }") == {
        "a": None, "b": None,
    }  # fmt: skip
    assert await zoo.data("{ byId(id: 99) { id } }") == {"byId": {"id": "99"}}
    body = await zoo.ask("{ must(id: 99) { name } }")
    assert body["data"] is None
    assert body["errors"][0]["path"] == ["must"]


# What is wrong -----------------------------------------------------------------------------------


async def test_an_object_without_its_key_is_an_error_that_says_so(zoo: Zoo) -> None:
    """At the field that returned it, where more is asked than it holds; parts of a key are named."""
    error = await zoo.error("{ animal(id: 1) { name nameless { name mood } } }")
    assert error["path"] == ["animal", "nameless"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert "Animal.nameless" in error["message"]
    assert "its key (id)" in error["message"]
    assert "`needs`" in error["message"]
    error = await zoo.error("{ feeding { day } }")
    assert "its key (day)" in error["message"]
    error = await zoo.error('{ wrong(which: "nothing") { name } }')
    assert "its key (id)" in error["message"]


@pytest.mark.parametrize(
    ("which", "named"),
    [
        ("keeper", "KeeperRow"),
        ("entity", "Keeper"),
        ("class", "DeclarativeAttributeIntercept"),
        ("dict", "dict"),
    ],
)
async def test_what_is_no_object_of_the_entity_is_an_error(
    zoo: Zoo, which: str, named: str
) -> None:
    """It names the field, what came, and what would be right; whatever is asked of it."""
    for asked in ("name", "__typename"):
        error = await zoo.error(f'{{ wrong(which: "{which}") {{ {asked} }} }}')
        assert error["path"] == ["wrong"]
        assert f"Query.wrong returned an object of {named};" in error["message"]
        assert "reference(Animal" in error["message"]


async def test_a_reference_that_cannot_stand_there_is_an_error(zoo: Zoo) -> None:
    """To another entity, to what is none, or by a part of a key."""
    for which, named in (
        ("keyless", "Animal by a key of 0"),
        ("stranger", "Keeper by a key of 1"),
        ("no entity", "Report by a key of 1"),
    ):
        error = await zoo.error(f'{{ wrong(which: "{which}") {{ name }} }}')
        assert error["message"] == (
            f"Query.wrong returned a reference to {named}; right would be reference(Animal, id)."
        )


async def test_what_is_no_label_or_no_key_is_an_error(zoo: Zoo) -> None:
    """The same as for an argument."""
    error = await zoo.error('{ labelled(label: "best") { quality } }')
    assert error["message"] == "`quality` must be one of POOR, FAIR, GOOD."
    error = await zoo.error('{ byId(id: "x") { name } }')
    assert "`id` must be an integer" in error["message"]


def test_an_object_takes_columns_only() -> None:
    """What is no column is refused when the object is made, and what would be one is listed."""
    assert Animal(id=ID("1"), name="Ada").name == "Ada"  # type: ignore[arg-type, call-arg]  # others are read
    for wrong in ("mother", "sign", "colour"):
        with pytest.raises(TypeError, match=rf"Animal has no column '{wrong}'; it has id, name, "):
            Animal(**{wrong: 1})


def test_a_class_may_make_its_objects_itself() -> None:
    """By an `__init__` of its own."""

    @entity(tables.keepers)
    class Keeper:
        id: ID
        name: str

        def __init__(self, name: str) -> None:
            self.name = name.title()

    assert Keeper("ann").name == "Ann"


# In parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(Form))
async def test_in_parts_it_is_the_same(zoo: Zoo, form: Form) -> None:
    """What was made by hand comes at once, rows below it later; nothing of it is read instead."""
    document = """{ mapped { id ... @defer { name mother { id ... @defer { name } } } }
        lists { id ... @defer { name } }
        animal(id: 2) { id ... @defer { name several @stream(initialCount: 1) { id
            ... @defer { name mother { id ... @defer { itself { sign } } } } } } } }"""
    parts = await in_parts(zoo, document, form)
    assert len(parts) > 1
    assert parts[0]["data"]["mapped"] == {"id": "2", "name": "Mapped", "mother": {"id": "1"}}
    together = put_together(parts)
    assert together["errors"] == []
    whole = document.replace("@stream(initialCount: 1)", "").replace("@defer", "")
    assert together["data"] == await zoo.data(whole)


async def in_parts(zoo: Zoo, document: str, form: Form) -> list[dict[str, Any]]:
    answers = Incremental(zoo.engine, most=1).answers(
        GraphQLRequest(document),
        KEEPER,
        allow_mutations=False,
        deadline=asyncio.get_running_loop().time() + 20,
        form=form,
    )
    return [orjson.loads(one.body) async for one in answers]
