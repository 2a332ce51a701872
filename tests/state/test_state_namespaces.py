"""Nobody leaves a namespace, and nobody enters one that is not open to them."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state.cabinet import CLERK, NAMES, VISITOR

from gateway import Domain, StateMutations, StateQueries, Viewer
from gateway.errors import ConfigurationError, InputError
from gateway.schema.build import build
from gateway.schema.state.keys import KEY_BYTES, glob, segment, shown
from gateway.schema.state.namespaces import Namespace, Namespaces

BOSS = Viewer(subject="bob", roles=frozenset({"boss"}))
WRITE = 'mutation { incrementState(namespace: STAFF, key: "n") }'
READ = '{ state(namespace: STAFF) { counter(key: "n") } }'


@pytest.mark.parametrize(
    ("viewer", "document", "may"),
    [
        (VISITOR, READ, ["BRIEF", "NOTES", "TEXTS"]),
        (VISITOR, WRITE, ["BRIEF", "NOTES", "TEXTS"]),
        (CLERK, READ, None),
        (CLERK, WRITE, ["BRIEF", "NOTES", "TEXTS"]),
        (BOSS, READ, None),
        (BOSS, WRITE, None),
        (BOSS, READ.replace("STAFF", "CLOSED"), ["BRIEF", "NOTES", "STAFF", "TEXTS"]),
        (BOSS, WRITE.replace("STAFF", "CLOSED"), ["BRIEF", "NOTES", "STAFF", "TEXTS"]),
    ],
)
async def test_roles(store, viewer, document, may):
    """Only a role of the namespace lets in; a refusal names what is open, and asks nothing."""
    before = store.source._turns.sent
    body = await store.ask(document, viewer=viewer)
    if may is None:
        assert "errors" not in body
        return
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN", "namespaces": may}
    assert all(name in error["message"] for name in may)
    assert store.source._turns.sent == before


async def test_a_refusal_is_its_fields_alone(store):
    """Other namespaces of the same request are read."""
    body = await store.ask(
        '{ a: state(namespace: STAFF) { counter(key: "n") } b: state(namespace: NOTES) { counter(key: "n") } }'
    )
    assert body["data"] == {"a": None, "b": {"counter": "0"}}


async def test_one_plan_serves_different_viewers(store):
    """What one viewer may does not rub off on the next who sends the same document."""
    for viewer, refused in [(CLERK, False), (VISITOR, True), (CLERK, False), (VISITOR, True)]:
        assert ("errors" in await store.ask(READ, viewer=viewer)) is refused


async def test_the_namespace_in_a_variable(store, client):
    """It decides what is asked as one in the document does."""
    await client.mset({f"{store.prefix}n:k": "1", f"{store.prefix}t:k": "two"})
    document = 'query ($of: StateNamespace!) { state(namespace: $of) { get(key: "k") } }'
    for name, value in [("NOTES", 1), ("TEXTS", "two"), ("NOTES", 1)]:
        assert await store.data(document, {"of": name}) == {"state": {"get": value}}
    body = await store.ask(document, {"of": "STAFF"})
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


ESCAPES = [
    *("..", "../t:x", ":", "*", "?", "a:b", "n:k", "[a-z]", "\\", "%", "%3A", "%2A", "{tag}", " "),
    *("\n", "\r\nSET x 1\r\n", "\x00", "é", "日本", "🦀", "'", '"', "a\tb", "$", "x" * KEY_BYTES),
]


@pytest.mark.parametrize("key", ESCAPES, ids=repr)
async def test_a_key_stays_in_its_namespace(store, client, key):
    """Whatever it consists of, one key of the namespace is written, found, listed and deleted."""
    neighbours = {f"{store.prefix}{rest}": "0" for rest in ("t:x", "s:n", "n", "nn:k")}
    await client.mset(neighbours)
    at = {"key": key}
    write = 'mutation ($key: String!) { setState(namespace: NOTES, key: $key, value: "mine") { stored } }'
    assert await store.data(write, at) == {"setState": {"stored": True}}
    read = "query ($key: String!) { state(namespace: NOTES) { get(key: $key) getMany(keys: [$key]) keys { nodes } } }"
    assert await store.data(read, at) == {
        "state": {"get": "mine", "getMany": ["mine"], "keys": {"nodes": [key]}}
    }
    delete = "mutation ($key: String!) { deleteState(namespace: NOTES, keys: [$key]) }"
    assert await store.data(delete, at) == {"deleteState": 1}
    found = await client.keys(f"{store.prefix}*")
    assert sorted(found) == sorted(name.encode() for name in neighbours)


@pytest.mark.parametrize("key", ["", "x" * (KEY_BYTES + 1), "é" * 200, "k" * 10_000, "\ud800"])
async def test_unfit_keys_are_refused(store, key):
    """Empty, too long when encoded, or no text: refused before Redis is asked."""
    before = store.source._turns.sent
    for document in (
        "query ($key: String!) { state(namespace: NOTES) { get(key: $key) } }",
        "query ($key: String!) { state(namespace: NOTES) { getMany(keys: [$key]) } }",
        "mutation ($key: String!) { incrementState(namespace: NOTES, key: $key) }",
    ):
        body = await store.ask(document, {"key": key})
        assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert store.source._turns.sent == before


async def test_a_pattern_stays_in_its_namespace(store, client):
    """Neither listing nor deleting by the widest pattern reaches beyond, nor into deeper prefixes."""
    outside = [f"{store.prefix}{rest}" for rest in ("t:a", "n:deep:a", "nx:a", "n", "n:not%2")]
    await client.mset(dict.fromkeys(outside, "0"))
    await client.set(f"{store.prefix}n:a", "1")
    for match in ("*", "**", "*:*", "../*", "*\\*", "[!x]*"):
        found = await store.state(f"keys(match: {json.dumps(match)}) {{ nodes }}")
        assert set(found["keys"]["nodes"]) <= {"a"}, match
    found = await store.change('deleteStateMatching(namespace: NOTES, match: "*") { deleted more }')
    assert found == {"deleted": 1, "more": False}
    assert sorted(await client.keys(f"{store.prefix}*")) == sorted(map(str.encode, outside))


@given(key=st.text(min_size=1, max_size=50))
def test_keys_come_back_as_they_went(key):
    """Encoding is one to one, and leaves only characters without any meaning."""
    try:
        encoded = segment(key)
    except InputError:
        key.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        assert any("\ud800" <= letter <= "\udfff" for letter in key)
        return
    assert set(encoded) <= {*string.ascii_letters, *string.digits, *"-._~%"}
    assert shown(b"p:" + encoded.encode(), b"p:") == key


@given(stored=st.binary(max_size=30))
def test_only_what_a_client_can_name_is_shown(stored):
    """A stored key is shown only where writing its name leads back to it."""
    name = shown(b"p:" + stored, b"p:")
    assert name is None or segment(name).encode() == stored


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(match=st.text(alphabet="ab*\\:?[]é%", max_size=12))
def test_patterns_have_one_wildcard(match):
    """Nothing but `*` is left of what Redis's patterns mean by characters."""
    assert set(glob(match)) <= {*string.ascii_letters, *string.digits, *"-._~%*"}


def test_two_namespaces_with_the_same_keys():
    """A start-up error: the roles of the one would be void."""
    with pytest.raises(ConfigurationError, match=r"state\.b\.prefix"):
        Namespaces([Namespace("a", "x:"), Namespace("b", "x:")])


@pytest.mark.parametrize("names", [(), ("Views",), ("a-b",), ("1a",), ("é",)])
def test_names_of_namespaces(names):
    """A domain with state must list them, by names that are GraphQL's too."""
    with pytest.raises(ConfigurationError):
        build(Domain(entities=[], queries=[StateQueries], namespaces=names))


def test_the_enum_is_the_domains():
    """What the schema says does not hang on any settings."""
    api = build(
        Domain(entities=[], queries=[StateQueries], mutations=[StateMutations], namespaces=NAMES)
    )
    assert list(api.catalog.schema.type_map["StateNamespace"].values) == [
        name.upper() for name in NAMES
    ]
