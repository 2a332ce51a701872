"""Permissions and field extensions: nothing is spliced past one, wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from toy.running import KEEPER, Zoo, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


def codes(body: dict[str, Any]) -> list[tuple[str, list[str | int]]]:
    """The errors of a body by code and path."""
    return [(each["extensions"]["code"], each["path"]) for each in body.get("errors", ())]


GUARDED = [
    ("animal(id: 1) { secretName }", "secretName"),
    ("animal(id: 1) { passport { animal { secretName } } }", "secretName"),
    ("animals(first: 2) { edges { node { secretName } } }", "secretName"),
    ("keepers { nodes { animals { nodes { secretName } } } }", "secretName"),
    ("star { secretName }", "secretName"),
    ("star { enclosure { animals { nodes { secretName } } } }", "secretName"),
    ("report { best { secretName } runnersUp { secretName } groups { secretName } }", "secretName"),
    ("animal(id: 1) { twin { twin { secretName } } mates { secretName } }", "secretName"),
    ('node(nodeId: "WyJBbmltYWwiLCIxIl0=") { ... on Animal { secretName } }', "secretName"),
    ("animal(id: 1) { whisper }", "whisper"),
]


@pytest.mark.parametrize(("selection", "field"), GUARDED)
async def test_a_guarded_field_is_null_and_forbidden(zoo: Zoo, selection: str, field: str) -> None:
    """Wherever it stands, and for a keeper it has its value."""
    body = await zoo.ask(f"{{ {selection} }}")
    assert body["errors"]
    assert {code for code, _ in codes(body)} == {"FORBIDDEN"}
    assert {path[-1] for _, path in codes(body)} == {field}
    assert {error["message"] for error in body["errors"]} == {"This is for keepers."}
    assert _values(body["data"], field) == {None}
    seen = await zoo.data(f"{{ {selection} }}", viewer=KEEPER)
    assert _values(seen, field) != {None}


def _values(data: Any, name: str) -> set[Any]:
    """The values of all members of that name."""
    if isinstance(data, list):
        return set().union(*(_values(part, name) for part in data))
    if not isinstance(data, dict):
        return set()
    own = {data[name]} if name in data else set()
    return own.union(*(_values(part, name) for part in data.values()))


async def test_a_forbidden_field_that_must_be_takes_its_parent_along(zoo: Zoo) -> None:
    """The null travels to the next nullable place, no further."""
    body = await zoo.ask("{ animal(id: 2) { name mother { name mustName } } }")
    assert body["data"] == {"animal": {"name": "Bo", "mother": None}}
    assert codes(body) == [("FORBIDDEN", ["animal", "mother", "mustName"])]
    body = await zoo.ask("{ animals(first: 2) { nodes { mustName } } motto }")
    assert body["data"]["animals"] is None
    assert body["data"]["motto"]
    body = await zoo.ask("{ motto feedings { nodes { animal { mustName } } } }")
    assert body["data"]["feedings"]["nodes"][0]["animal"] is None
    body = await zoo.ask("{ animal(id: 1) { guarded { totalCount } } }")
    assert body["data"] == {"animal": None}


@pytest.mark.parametrize(
    "document", ["{ hidden(id: 1) { name } }", "{ hiddenList { nodes { name } totalCount } }"]
)
async def test_behind_a_forbidden_root_nothing_is_fetched(zoo: Zoo, document: str) -> None:
    """The permission is asked first."""
    ran = len(zoo.postgres.ran)
    body = await zoo.ask(document)
    ((code, (root,)),) = codes(body)
    assert (code, body["data"]) == ("FORBIDDEN", {root: None})
    assert len(zoo.postgres.ran) == ran
    assert (await zoo.data(document, viewer=KEEPER))[root] is not None
    assert len(zoo.postgres.ran) == ran + 1


async def test_a_forbidden_root_leaves_the_others_alone(zoo: Zoo) -> None:
    """Open root fields beside it are answered, in the document's order."""
    body = await zoo.ask("{ a: animal(id: 1) { name } hidden(id: 2) { name } motto }")
    assert list(body["data"]) == ["a", "hidden", "motto"]
    assert body["data"]["a"] == {"name": "Ada"}
    assert body["data"]["hidden"] is None


async def test_a_guarded_field_can_be_neither_filtered_nor_ordered_by(zoo: Zoo) -> None:
    """What is found would tell what the value is; so the inputs do not have it."""
    types: Any = zoo.api.catalog.schema.type_map
    for name in ("secretName", "mustName", "guarded"):
        assert name not in types["AnimalWhere"].fields
        assert name not in types["AnimalOrderBy"].fields
    assert "alias" in types["AnimalWhere"].fields


async def test_an_extension_sees_the_value_as_python_has_it(zoo: Zoo) -> None:
    """And what it makes of it is the answer, in lists and behind references too."""
    data = await zoo.data("{ animals(first: 3) { nodes { nickname alias } } star { nickname } }")
    assert [each["nickname"] for each in data["animals"]["nodes"]] == ["ADA", None, "ÜNÏ\t☃"]
    assert [each["alias"] for each in data["animals"]["nodes"]] == ["ada", None, "Ünï\t☃"]
    assert data["star"] == {"nickname": "ADA"}
