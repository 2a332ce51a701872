"""How a refusal looks, and that nothing ran for it: fields, arguments, writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from identity import vault
from identity.conftest import ADMIN, EDITOR, FRIEND, HR, VIEWERS

from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from writes.stand import Stand

EVERYBODY = VIEWERS["everybody"]
SAM = VIEWERS["somebody"]


def entries(body: dict[str, Any]) -> list[tuple[str, list[str | int] | None]]:
    """The errors of a body by code and path."""
    return [(each["extensions"]["code"], each.get("path")) for each in body.get("errors", ())]


async def test_a_refused_field_is_null_beside_what_is_open(house: Stand) -> None:
    """With an error at its path; without credentials the code asks for them."""
    document = "{ a: person(id: 1) { name email } person(id: 2) { name } }"
    body = await house.ask(document, viewer=SAM)
    assert body["data"] == {"a": {"name": "Ann", "email": None}, "person": {"name": "Bob"}}
    assert entries(body) == [("FORBIDDEN", ["a", "email"])]
    assert body["errors"][0]["message"] == "You may not use `email`."
    assert body["errors"][0]["locations"] == [{"line": 1, "column": 27}]
    assert entries(await house.ask(document)) == [("UNAUTHENTICATED", ["a", "email"])]


async def test_every_row_has_its_error(house: Stand) -> None:
    """And an absent row has none, as nothing of it was asked."""
    body = await house.ask(
        "{ people(first: 2) { nodes { email } } none: person(id: 99) { email } }"
    )
    assert [path for _, path in entries(body)] == [
        ["people", "nodes", 0, "email"],
        ["people", "nodes", 1, "email"],
    ]
    assert body["data"] == {
        "people": {"nodes": [{"email": None}, {"email": None}]},
        "none": None,
    }


async def test_a_refused_field_that_must_be_takes_its_parent_along(house: Stand) -> None:
    """The null travels to the next nullable place, no further."""
    body = await house.ask("{ person(id: 2) { name boss { name pin } } }")
    assert body["data"] == {"person": {"name": "Bob", "boss": None}}
    assert entries(body) == [("UNAUTHENTICATED", ["person", "boss", "pin"])]
    body = await house.ask("{ people { nodes { pin } } room(id: 1) { name } }")
    assert body["data"] == {"people": None, "room": {"name": "Hall"}}
    body = await house.ask("{ mustPeople { totalCount } room(id: 1) { name } }", viewer=SAM)
    assert body["data"] is None
    assert entries(body) == [("FORBIDDEN", ["mustPeople"])]


@pytest.mark.parametrize(
    "document",
    [
        "{ staff { nodes { name } } }",
        "{ mustPeople { totalCount } }",
        "{ diary(id: 1) { id } }",
        "{ diaries { totalCount } }",
        "{ motto }",
        'query { node(nodeId: "WyJEaWFyeSIsIjEiXQ==") { nodeId } }',
        '{ people(where: {email: {like: "canary%"}}) { totalCount } }',
    ],
)
async def test_for_a_refused_root_nothing_is_sent(house: Stand, document: str) -> None:
    """Neither to a source nor to a Python resolver."""
    sent, ran = house.sent(), list(vault.RAN)
    body = await house.ask(document, viewer=SAM)
    assert entries(body)[0][0] == "FORBIDDEN"
    assert house.sent() == sent
    assert ran == vault.RAN


async def test_a_refused_resolver_does_not_run(house: Stand) -> None:
    """Nor are the columns read that it needs."""
    vault.RAN.clear()
    await house.ask("{ person(id: 1) { name address } motto }", viewer=SAM)
    assert vault.RAN == []
    await house.ask("{ person(id: 1) { name address } motto }", viewer=EVERYBODY)
    assert sorted(vault.RAN) == ["address", "motto"]


async def test_a_refused_field_costs_the_others_no_request(house: Stand) -> None:
    """What is open is still one statement."""
    before = house.sent()["postgres"]
    await house.ask("{ rooms { nodes { name code people { nodes { name pin email } } } } }")
    assert house.sent()["postgres"] == before + 1


# Arguments ---------------------------------------------------------------------------------------

ORACLES = [
    ('people(where: {email: {eq: "canary-email-1"}}) { totalCount }', HR),
    ('people(where: {or: [{name: {eq: "x"}}, {not: {email: {isNull: true}}}]}) { totalCount }', HR),
    ('people(where: {boss: {email: {like: "c%"}}}) { nodes { name } }', HR),
    ('rooms(where: {people: {some: {email: {like: "c%"}}}}) { nodes { name } }', HR),
    ('rooms { nodes { people(where: {email: {like: "c%"}}) { nodes { name } } } }', HR),
    ('star { team(where: {email: {like: "c%"}}) { nodes { name } } }', HR),
    ("people(where: {diaries: {some: {id: {isNull: false}}}}) { totalCount }", FRIEND),
    ("people(where: {closest: {none: {}}}) { totalCount }", HR),
    ("people(orderBy: [{email: DESC}]) { nodes { name } }", HR),
    ("people(orderBy: [{boss: {email: ASC}}]) { nodes { name } }", HR),
    ("people(distinctOn: [NAME, EMAIL]) { totalCount }", HR),
    ("people { aggregate { countDistinct { email } } }", HR),
    ("people { groups(by: [EMAIL]) { count } }", HR),
    ('people { groups(by: [NAME], having: {max: {email: {like: "c%"}}}) { count } }', HR),
    ("people { groups(by: [NAME], orderBy: [{min: {email: ASC}}]) { key { name } } }", HR),
    (
        '_entities(representations: [{__typename: "Person", email: "c"}]) { ... on Person { name } }',
        HR,
    ),
]


@pytest.mark.parametrize(("selection", "allowed"), ORACLES)
async def test_what_is_guarded_can_be_neither_filtered_nor_ordered_by(
    house: Stand, selection: str, allowed: Viewer
) -> None:
    """Which rows come, and in which order, would tell what they hold."""
    body = await house.ask(f"{{ {selection} }}", viewer=SAM)
    assert {code for code, _ in entries(body)} == {"FORBIDDEN"}
    assert "canary" not in str(body)
    assert all(value is None or not str(value).count("name") for value in _values(body))
    await house.data(f"{{ {selection} }}", viewer=allowed)


def _values(body: dict[str, Any]) -> list[Any]:
    data = body.get("data") or {}
    return [one for value in data.values() for one in ((value or {}).get("team"),)]


async def test_variables_are_looked_into(house: Stand) -> None:
    """Each time anew, whatever the same document was allowed before."""
    document = "query ($w: PersonWhere, $o: [PersonOrderBy!]) { people(where: $w, orderBy: $o) { totalCount } }"
    guarded: dict[str, Any] = {"w": {"email": {"like": "c%"}}}
    for _ in range(2):
        assert await house.data(document, guarded, viewer=HR) == {"people": {"totalCount": 3}}
        body = await house.ask(document, guarded, viewer=SAM)
        assert entries(body) == [("FORBIDDEN", None)]
        assert body["errors"][0]["message"] == "You may not use `where.email`."
        body = await house.ask(document, {"o": [{"boss": {"email": "ASC"}}]}, viewer=ANONYMOUS)
        assert entries(body) == [("UNAUTHENTICATED", None)]
        await house.data(document, {"w": {"name": {"eq": "Ann"}}}, viewer=SAM)


async def test_conditions_of_the_document_do_not_hide_a_field(house: Stand) -> None:
    """What `@include` leaves out is not refused; what it takes in is."""
    document = "query ($all: Boolean!) { person(id: 1) { name email @include(if: $all) } }"
    for _ in range(2):
        assert "errors" not in await house.ask(document, {"all": False}, viewer=SAM)
        body = await house.ask(document, {"all": True}, viewer=SAM)
        assert entries(body) == [("FORBIDDEN", ["person", "email"])]
        assert await house.data(document, {"all": True}, viewer=ADMIN)


KEEPER = Viewer(subject="kit", roles=frozenset({"caretaker"}))

# Writes ------------------------------------------------------------------------------------------

INSERT = 'mutation { insertPerson(input: {name: "Dee"}) { name } }'


async def test_a_refused_write_does_not_happen(house: Stand) -> None:
    """Nor do the ones of the same document that are refused, while those allowed do."""
    body = await house.ask(INSERT, viewer=SAM)
    assert (body["data"], entries(body)) == (
        {"insertPerson": None},
        [("FORBIDDEN", ["insertPerson"])],
    )
    assert entries(await house.ask(INSERT)) == [("UNAUTHENTICATED", ["insertPerson"])]
    assert await house.value("select count(*) from people where name = 'Dee'") == 0
    both = 'mutation { renameRoom(id: 1, set: {name: "Yard"}) { name } insertPerson(input: {name: "Dee"}) { name } }'
    body = await house.ask(both, viewer=EDITOR)
    assert body["data"] == {"renameRoom": None, "insertPerson": {"name": "Dee"}}
    assert await house.value("select count(*) from rooms where name = 'Yard'") == 0
    await house.connection.execute("delete from people where name = 'Dee'")


async def test_rows_inserted_along_ask_for_what_their_own_insert_asks_for(house: Stand) -> None:
    """Else who may insert a room could insert anybody."""
    caretaker = Viewer("cat", roles=frozenset({"caretaker"}))
    document = 'mutation { buildRoom(input: {name: "Cellar"%s}) { name } }'
    assert await house.data(document % "", viewer=caretaker)
    nested = document % ', people: [{name: "Dee"}]'
    body = await house.ask(nested, viewer=caretaker)
    assert entries(body) == [("FORBIDDEN", None)]
    assert await house.value("select count(*) from people where name = 'Dee'") == 0
    assert await house.data(nested, viewer=EVERYBODY)
    await house.connection.execute("delete from people where name = 'Dee'")
    await house.connection.execute("delete from rooms where name = 'Cellar'")


GUARDED_WRITES = [
    'insertPerson(input: {name: "Dee", email: "d"}) { id }',
    'insertPerson(input: {name: "Dee", pin: "1"}) { id }',
    'insertPerson(input: {name: "Dee", diaries: [{text: "x"}]}) { id }',
    'insertRoom(input: {name: "Dee", people: [{name: "Dee", email: "d"}]}) { id }',
    'insertPerson(input: {name: "Dee", room: {name: "Dee", code: "1"}}) { id }',
    'insertPerson(input: {name: "Dee", boss: {name: "Dee", room: {name: "x", code: "1"}}}) { id }',
    'insertRoom(input: {name: "Dee", code: "1"}) { id }',
    'insertDiary(input: {text: "Dee"}) { id }',
    'updatePerson(id: 1, set: {email: "d"}) { id }',
    "updatePerson(id: 1, inc: {salary: 1}) { id }",
    'updatePeople(where: {name: {eq: "Ann"}}, set: {email: null}) { id }',
    'updatePeople(where: {email: {like: "c%"}}, set: {name: "Dee"}) { id }',
    'deletePeople(where: {email: {eq: "canary-email-3"}}) { id }',
    "deletePeople(where: {boss: {salary: {gt: 1}}}) { id }",
    'updateKnownPerson(id: 1, version: 7, set: {name: "Dee"}) { id }',
]


@pytest.mark.parametrize("write", GUARDED_WRITES)
async def test_what_is_guarded_cannot_be_written(house: Stand, write: str) -> None:
    """Directly, within other rows, by way of a condition, or as a variable."""
    before = await _everything(house)
    body = await house.ask(f"mutation {{ {write} }}", viewer=EDITOR)
    assert {code for code, _ in entries(body)} == {"FORBIDDEN"}
    assert await _everything(house) == before


async def test_who_may_insert_a_row_that_another_refers_to(house: Stand) -> None:
    """Those who may by its own root field; anybody who writes the one may name a row that is there."""
    new = 'mutation { hire(input: {name: "Dee", %s}) { room { name } } }'
    refused = new % 'room: {name: "Den"}'
    (error,) = (await house.ask(refused, viewer=KEEPER))["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "input.room" in error["message"]
    assert await house.value("select count(*) from rooms where name = 'Den'") == 0
    given = await house.data(new % 'roomId: "1"', viewer=KEEPER)
    both = Viewer(subject="both", roles=frozenset({"caretaker", "editor"}))
    made = await house.data(refused, viewer=both)
    await house.connection.execute("delete from people where name = 'Dee'")
    await house.connection.execute("delete from rooms where name = 'Den'")
    assert given == {"hire": {"room": {"name": "Hall"}}}
    assert made == {"hire": {"room": {"name": "Den"}}}


async def _everything(house: Stand) -> list[Any]:
    tables = ("people", "rooms", "diaries")
    return [await house.rows(f"table {name} order by id") for name in tables]


async def test_a_transaction_with_a_refused_field_does_nothing(house: Stand) -> None:
    """Neither before it nor after it, whether the field writes or is only read back."""
    for refused in (
        'renameRoom(id: 1, set: {name: "x"}) { id }',
        'updatePerson(id: 1, set: {name: "x"}) { email }',
    ):
        document = (
            f'mutation @transaction {{ insertPerson(input: {{name: "Dee"}}) {{ id }} {refused} }}'
        )
        body = await house.ask(document, viewer=EDITOR)
        assert entries(body) == [("FORBIDDEN", None)]
        assert await house.value("select count(*) from people where name in ('Dee', 'x')") == 0


async def test_what_a_write_returns_is_guarded_too(house: Stand) -> None:
    """The write happens, as it is allowed; of its row only what is open comes back."""
    document = 'mutation { updatePerson(id: 3, set: {name: "Cyd"}) { name email boss { email } } }'
    body = await house.ask(document, viewer=EDITOR)
    assert body["data"] == {"updatePerson": {"name": "Cyd", "email": None, "boss": {"email": None}}}
    assert entries(body) == [
        ("FORBIDDEN", ["updatePerson", "email"]),
        ("FORBIDDEN", ["updatePerson", "boss", "email"]),
    ]


async def test_a_policy_with_a_fault_is_not_met(house: Stand) -> None:
    """And its text stays inside; another alternative may still hold."""
    body = await house.ask("{ person(id: 1) { salary } }", viewer=SAM)
    assert entries(body) == [("FORBIDDEN", ["person", "salary"])]
    assert "fault" not in str(body)
    paying = VIEWERS["grown and paying"]
    assert await house.data("{ person(id: 1) { salary } }", viewer=paying) == {
        "person": {"salary": 977001}
    }


async def test_rules_read_claims(house: Stand) -> None:
    """As text, whatever they are in the token; waiting reads are shared by equal claims only."""

    async def gifts(*claims: tuple[str, Any]) -> list[str]:
        viewer = Viewer("ann", claims=claims)
        data = await house.data("{ gifts { nodes { plan } } }", viewer=viewer)
        return [node["plan"] for node in data["gifts"]["nodes"]]

    expected = {
        (): [],
        (("plan", "gold"),): ["gold", "gold"],
        (("age", 40),): ["40"],
        (("other", "gold"),): [],
        (("plan", "x' or true --"),): [],
        (("plan", True),): ["true"],
    }
    asked = list(expected) * 5
    answers = await asyncio.gather(*(gifts(*claims) for claims in asked))
    assert answers == [expected[claims] for claims in asked]


async def test_introspection_is_for_everybody(house: Stand) -> None:
    """The schema is no secret, and says who may use what."""
    data = await house.data('{ __type(name: "Person") { fields { name } } }')
    assert {"name": "email"} in data["__type"]["fields"]
    text = house.gateway.api.schema.as_str()
    assert 'email: String @requiresRoles(roles: ["hr", "admin"])' in text
    assert 'salary: Int @policy(policies: [["grown", "paying"], ["owner"]])' in text
    assert 'pin: String! @requiresScopes(scopes: [["pins", "vault"], ["root"]])' in text
    assert "phone: String @authenticated" in text
    assert 'type Diary implements Node @requiresRoles(roles: ["friend"])' in text
