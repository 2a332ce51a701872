"""Many viewers ask many operations, each by every way there is: nobody gets what is not theirs."""

from __future__ import annotations

import asyncio
import random
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from identity.conftest import VIEWERS

if TYPE_CHECKING:
    from writes.stand import Stand

CANARY = re.compile(rb"canary-(\w+)-|(9770)")
ALLOWED = {
    "email": lambda v: bool(v.roles & {"hr", "admin"}),
    "phone": lambda v: v.subject is not None,
    "salary": lambda v: v.tenant == "gold",
    "pin": lambda v: "root" in v.scopes or {"pins", "vault"} <= v.scopes,
    "code": lambda v: "admin" in v.roles,
    "diary": lambda v: "friend" in v.roles,
    "motto": lambda v: "admin" in v.roles,
    "address": lambda v: "hr" in v.roles,
}
"""Who may see the canary of that name."""

PERSON = "name email phone salary"
SHOWN = {"email", "phone", "salary"}
FRAGMENTS = """
query { person(id: 1) { ...a ... on Person { room { ...b } } } }
fragment a on Person { email team { nodes { ...c } } }
fragment b on Room { code }
fragment c on Person { phone }
"""
OPERATIONS: dict[str, tuple[str, set[str]]] = {
    "by key": (f"{{ person(id: 1) {{ {PERSON} }} }}", SHOWN),
    "nodes": (f"{{ people {{ nodes {{ {PERSON} }} }} }}", SHOWN),
    "edges": (f"{{ people {{ edges {{ cursor node {{ {PERSON} }} }} }} }}", SHOWN),
    "alias": ("{ p: person(id: 2) { e: email f: phone } }", {"email", "phone"}),
    "nested": (
        f"{{ rooms {{ nodes {{ name code people {{ nodes {{ {PERSON} boss {{ email }} }} }} }} }} }}",
        SHOWN | {"code"},
    ),
    "fragments": (FRAGMENTS, {"email", "phone", "code"}),
    "reference": (f"{{ star {{ {PERSON} room {{ code }} }} }}", SHOWN | {"code"}),
    "twice referred": (f"{{ star {{ twin {{ twin {{ {PERSON} }} }} }} }}", SHOWN),
    "only the guarded": ("{ people { nodes { email } } }", {"email"}),
    "node": (
        'query { node(nodeId: "WyJQZXJzb24iLCIyIl0=") { nodeId ... on Person { email phone } } }',
        {"email", "phone"},
    ),
    "aggregate": ("{ people { aggregate { count max { salary } } } }", {"salary"}),
    "least": ("{ people { totalCount aggregate { min { email } } } }", {"email"}),
    "group key": (
        "{ people { groups(by: [EMAIL]) { count key { email } } } }",
        {"email"},
    ),
    "diaries": ("{ diaries { nodes { text } totalCount } }", {"diary"}),
    "a diary": ("{ diary(id: 1) { text } }", {"diary"}),
    "diaries of": ("{ star { name journal { text } } }", {"diary"}),
    "node of a guarded type": (
        'query { node(nodeId: "WyJEaWFyeSIsIjEiXQ==") { ... on Diary { text } } }',
        {"diary"},
    ),
    "guarded root": (f"{{ staff {{ nodes {{ {PERSON} }} }} }}", SHOWN),
    "guarded resolver": ("{ person(id: 1) { address } }", {"email"}),
    "guarded root resolver": ("{ motto }", {"motto"}),
    "guarded relation": ("{ person(id: 1) { closest { nodes { name } } } }", set()),
    "pins": ("{ people { nodes { name pin } } }", {"pin"}),
    "a nested pin": ("{ rooms { nodes { people { nodes { boss { pin } } } } } }", {"pin"}),
}
GATES = {
    "guarded root": "address",
    "guarded resolver": "address",
    "guarded relation": "address",
}
"""Of operations behind something guarded: who may see this may pass."""


def walked(document: str) -> str:
    """The same with a Python resolver in it, so that graphql-core runs it."""
    return document.replace("{", "{ whoami ", 1) if document.startswith("{") else document


@pytest.mark.parametrize("who", VIEWERS)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_canaries_leave_for_those_who_may_see_them(house: Stand, name: str, who: str) -> None:
    """All of what is asked for and allowed is there, and nothing else, planned and walked."""
    document, shown = OPERATIONS[name]
    viewer = VIEWERS[who]
    allowed = {kind for kind in shown if ALLOWED[kind](viewer)}
    gate = ALLOWED[GATES[name]](viewer) if name in GATES else True
    for text in (document, walked(document)):
        body = (await house.answer(text, viewer=viewer)).body
        found = {kind.decode() or "salary" for kind, _ in CANARY.findall(body)}
        assert found == (allowed if gate else set())
        assert ("errors" not in orjson.loads(body)) is (gate and allowed == shown)


@pytest.mark.parametrize("who", VIEWERS)
async def test_planned_and_walked_answers_are_the_same(house: Stand, who: str) -> None:
    """Data to the letter, errors by code and path."""
    for document, _ in OPERATIONS.values():
        plain = await house.ask(document, viewer=VIEWERS[who])
        other = await house.ask(walked(document), viewer=VIEWERS[who])
        if other.get("data"):
            other["data"].pop("whoami", None)
        assert other.get("data") == plain.get("data")
        assert _codes(other) == _codes(plain)


def _codes(body: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted(
        (error["extensions"]["code"], str(error.get("path"))) for error in body.get("errors", ())
    )


async def test_viewers_at_once_get_what_each_gets_alone(house: Stand) -> None:
    """Waiting reads are shared, but never with one who may see less, nor more."""
    asked = [(who, name) for who in VIEWERS for name in OPERATIONS]
    alone = {
        (who, name): (await house.answer(OPERATIONS[name][0], viewer=VIEWERS[who])).body
        for who, name in asked
    }
    many = asked * 2
    random.Random(7).shuffle(many)  # noqa: S311 - an order, the same each time
    answers = await asyncio.gather(
        *(house.answer(OPERATIONS[name][0], viewer=VIEWERS[who]) for who, name in many)
    )
    for question, answer in zip(many, answers, strict=True):
        assert answer.body == alone[question], question
