"""Who may use what an upstream gives: by its SDL's rules, and by the domain's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from upstream import joined, people
from upstream.joined import Hello

from gateway import Domain, Upstream, Viewer
from gateway.errors import ConfigurationError
from gateway.schema.build import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined

SDL = (
    people.SDL.replace("  age: Int\n", "  age: Int @authenticated\n")
    .replace("scalar Date\n", 'scalar Date @requiresScopes(scopes: [["born", "read"], ["all"]])\n')
    .replace("interface Being { id: ID!", "interface Being { id: ID! @federation__authenticated")
    .replace(
        "type Robot implements Being {", 'type Robot implements Being @requiresRoles(roles: "r") {'
    )
    .replace("  secret: String\n", "  secret: String @inaccessible\n")
    .replace("enum Mood { GLAD SAD }", "enum Mood { GLAD SAD @federation__inaccessible }")
    .replace("  broken: Person\n", '  broken: Person @policy(policies: [["tall"]])\n')
)
DOMAIN = Domain(
    entities=[],
    queries=[Hello],
    upstreams=[
        Upstream(
            "people",
            SDL,
            access={
                "Mutation": {"roles": ["editor"]},
                "Mutation.fail": {"authenticated": True},
                "Team": {"scopes": [["team"]]},
            },
        )
    ],
    policies={"tall": lambda viewer: viewer.claim("tall") == "yes"},
)
ANN = Viewer(subject="ann")


@pytest.fixture
async def guarded() -> AsyncIterator[Joined]:
    async with people.running() as service, joined.running(service, DOMAIN) as one:
        yield one


def refused(body: dict[str, Any]) -> list[tuple[Any, str]]:
    """Where, and with which code."""
    return [(error["path"], error["extensions"]["code"]) for error in body["errors"]]


async def test_a_refused_field_is_not_asked_for(guarded: Joined) -> None:
    """It is null with an error; all beside it travels, and is answered."""
    query = "{ hello person(id: 1) { name age born } }"
    body = await guarded.ask(query)
    assert body["data"] == {"hello": "hello", "person": {"name": "Ada", "age": None, "born": None}}
    assert refused(body) == [
        (["person", "age"], "UNAUTHENTICATED"),
        (["person", "born"], "UNAUTHENTICATED"),
    ]
    assert "age" not in guarded.people.documents()[-1]
    body = await guarded.ask(query, viewer=replace(ANN, scopes=frozenset({"born"})))
    assert body["data"]["person"] == {"name": "Ada", "age": 21, "born": None}
    assert refused(body) == [(["person", "born"], "FORBIDDEN")]
    whole = await guarded.data(query, viewer=replace(ANN, scopes=frozenset({"all"})))
    assert whole["person"] == {"name": "Ada", "age": 21, "born": "2001-01-02"}


async def test_a_service_that_guards_itself() -> None:
    """Applies its SDL's rules to its callers; the domain's hold here, and nothing hidden is shown."""
    upstream = replace(DOMAIN.upstreams[0], guards_itself=True)
    domain = replace(DOMAIN, upstreams=[upstream], policies={})
    async with people.running() as service, joined.running(service, domain) as one:
        query = "{ person(id: 1) { id age born } team(id: 1) { title } }"
        body = await one.ask(query)
        assert body["data"]["person"] == {"id": "1", "age": 21, "born": "2001-01-02"}
        assert refused(body) == [(["team"], "UNAUTHENTICATED")]
        assert "secret" not in one.api.schema.as_str()


async def test_rules_of_types_and_interfaces(guarded: Joined) -> None:
    """Hold wherever a field returns the type, and for the fields of those that implement it."""
    body = await guarded.ask("{ team(id: 1) { title } broken { name } }", viewer=ANN)
    assert body["data"] == {"team": None, "broken": None}
    assert refused(body) == [(["team"], "FORBIDDEN"), (["broken"], "FORBIDDEN")]
    assert not guarded.people.documents()
    body = await guarded.ask("{ person(id: 1) { name id } }")
    assert body["data"] == {"person": None}
    assert refused(body) == [(["person", "id"], "UNAUTHENTICATED")]
    assert await guarded.data("{ person(id: 1) { id } }", viewer=ANN) == {"person": {"id": "1"}}
    body = await guarded.ask("{ beings { __typename id } }")
    assert {code for _, code in refused(body)} == {"UNAUTHENTICATED"}


async def test_a_rule_of_a_root_type_guards_its_fields(guarded: Joined) -> None:
    """But for those that have one of their own; nothing is written for others."""
    rename = 'mutation { rename(id: 1, name: "X") { name } fail { name } }'
    body = await guarded.ask(rename, viewer=ANN)
    assert body["data"] == {"rename": None, "fail": None}
    assert refused(body) == [(["rename"], "FORBIDDEN"), (["fail"], "SOURCE_ERROR")]
    assert not [text for text in guarded.people.documents() if "rename" in text]
    editor = replace(ANN, roles=frozenset({"editor"}))
    assert (await guarded.ask(rename, viewer=editor))["data"]["rename"] == {"name": "X"}


async def test_what_is_inaccessible_is_not_there(guarded: Joined) -> None:
    """Neither by its name nor in the printed schema."""
    for query in (
        "{ person(id: 1) { secret } }",
        "{ person(id: 1) { friends(mood: SAD) { name } } }",
    ):
        error = await guarded.error(query, viewer=ANN)
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    printed = guarded.api.schema.as_str()
    assert "secret" not in printed
    assert "SAD" not in printed


LINK = "https://specs.apollo.dev"
RENAMED = {
    "an import under another name": (
        (
            f'@link(url: "{LINK}/federation/v2.9", import: '
            '["@key", {name: "@authenticated", as: "@auth"}, {name: "@inaccessible", as: "@hide"}])'
        ),
        ("auth", "hide"),
    ),
    "a specification under another name": (
        f'@link(url: "{LINK}/federation/v2.9", as: "fed", import: ["@key"])',
        ("fed__authenticated", "fed__inaccessible"),
    ),
    "specifications of their own": (
        (
            f'@lnk(url: "{LINK}/link/v1.0", as: "lnk") @lnk(url: "{LINK}/authenticated/v0.1", as: "auth")'
            f' @lnk(url: "{LINK}/inaccessible/v0.2", import: [{{name: "@inaccessible", as: "@hide"}}])'
        ),
        ("auth", "hide"),
    ),
    "one import that is no list": (
        f'@link(url: "{LINK}/federation/v2.9/", import: {{name: "@authenticated", as: "@auth"}})',
        ("auth", "federation__inaccessible"),
    ),
    "no link at all": ("@tag", ("federation__authenticated", "federation__inaccessible")),
}


@pytest.mark.parametrize(("links", "names"), RENAMED.values(), ids=RENAMED)
async def test_rules_under_other_names(links: str, names: tuple[str, str]) -> None:
    """Whatever the SDL calls them, they hold, and nothing hidden is shown."""
    authenticated, inaccessible = names
    sdl = people.SDL.replace("  age: Int\n", f"  age: Int @{authenticated}\n")
    sdl = sdl.replace("  secret: String\n", f"  secret: String @{inaccessible}\n")
    upstream = Upstream("people", f"extend schema {links}\n{sdl}")
    domain = replace(DOMAIN, upstreams=[upstream], policies={})
    async with people.running() as service, joined.running(service, domain) as one:
        body = await one.ask("{ person(id: 1) { name age } }")
        assert body["data"]["person"] == {"name": "Ada", "age": None}
        assert refused(body) == [(["person", "age"], "UNAUTHENTICATED")]
        assert (await one.data("{ person(id: 1) { age } }", viewer=ANN))["person"] == {"age": 21}
        assert "secret" not in one.api.schema.as_str()


@pytest.mark.parametrize(
    ("access", "policies", "says"),
    [
        ({"Person.wage": {"roles": ["hr"]}}, DOMAIN.policies, "Person.wage"),
        ({"Person": {"role": ["hr"]}}, DOMAIN.policies, "role"),
        ({}, {}, "tall"),
    ],
    ids=["a field that is not there", "a misspelt option", "a policy that is not there"],
)
def test_a_slip_stops_the_start(access: Any, policies: Any, says: str) -> None:
    """As it would leave something open."""
    upstreams = [replace(DOMAIN.upstreams[0], access=access)]
    with pytest.raises(ConfigurationError, match=says):
        build(replace(DOMAIN, upstreams=upstreams, policies=policies))
