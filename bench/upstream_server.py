"""The upstream of the proxying workloads: a GraphQL service of a small cost, always the same.

It knows the two questions of `bench/upstream.graphql`, and answers look-ups of articles by their
trends as Directus does. A document is parsed once, a member's JSON
made once for each selection, and then a request costs a look at its body and the joining of
members. `POST /asked` answers with how many requests came since it was asked last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, VariableNode, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
    from typing import TypeAlias

    Message: TypeAlias = MutableMapping[str, Any]

ASKED = "/asked"
ITEMS = "/items/articles"
MEMBERS = 100
"""How many members one list has."""

_CITIES = ("Aarhus", "Bergen", "Gothenburg", "Reykjavik", "Tampere")
_ENTITIES = "_entities"


def member(number: int) -> dict[str, str]:
    """All that is known of a member."""
    return {
        "__typename": "Member",
        "id": str(number),
        "name": f"Member {number}",
        "email": f"member-{number}@example.org",
        "city": _CITIES[number % len(_CITIES)],
        "joined": f"20{number % 20 + 10}-{number % 12 + 1:02d}-01",
        "about": f"Has written {number * 37 % 1000} notes and read many more.",
    }


@lru_cache(100_000)
def article(trend: int, fields: tuple[str, ...]) -> bytes:
    """What is known of the article on a trend, as JSON."""
    known = {
        "id": trend + 1_000,
        "trend_id": trend,
        "title": f"What trend {trend} is about",
        "slug": f"trend-{trend}",
    }
    return orjson.dumps({name: known[name] for name in fields})


def items(query: bytes, body: bytes) -> bytes:
    """Directus's answer to a look-up by `trend_id`, by GET or by SEARCH."""
    if body:
        asked = orjson.loads(body)["query"]
        fields, condition = asked["fields"], asked["filter"]
    else:
        given = parse_qs(query.decode())
        fields, condition = given["fields"][0].split(","), orjson.loads(given["filter"][0])
    wanted = tuple(fields)
    found = [article(int(one), wanted) for one in condition["trend_id"]["_in"]]
    return b'{"data":[' + b",".join(found) + b"]}"


class Question:
    """A document that asks one question: the members of its answer are made once each."""

    def __init__(self, document: str) -> None:
        root = _root(document)
        self._opening = b'{"data":{"%b":[' % _key(root).encode()
        self._entities = root.name.value == _ENTITIES
        self._wanted = [(_key(node), node.name.value) for node in _fields(root)]
        given = [each.value for each in root.arguments or ()]
        self._variable = next(
            (one.name.value for one in given if isinstance(one, VariableNode)), ""
        )
        self._made: dict[int, bytes] = {}

    def answer(self, variables: dict[str, Any]) -> bytes:
        """The response to the document with these variables."""
        found = variables.get(self._variable, 1)
        numbers: Iterable[int] = (
            range(found, found + MEMBERS)
            if not self._entities
            else [int(one["id"]) for one in found]
        )
        return self._opening + b",".join([self._member(number) for number in numbers]) + b"]}}"

    def _member(self, number: int) -> bytes:
        made = self._made.get(number)
        if made is None:
            known = member(number)
            made = orjson.dumps({key: known[name] for key, name in self._wanted})
            self._made[number] = made
        return made


def _root(document: str) -> FieldNode:
    """The only field that the only operation asks for."""
    (operation,) = parse(document).definitions
    if not isinstance(operation, OperationDefinitionNode):
        raise TypeError("a document is one operation")
    (root,) = _fields(operation)
    return root


def _fields(node: Any) -> Iterator[FieldNode]:
    """The fields below a node, those of inline fragments among them."""
    for selected in node.selection_set.selections if node.selection_set else ():
        if isinstance(selected, InlineFragmentNode):
            yield from _fields(selected)
        elif isinstance(selected, FieldNode):
            yield selected


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


class Service:
    """The ASGI application; `asked` counts requests, those for the count apart."""

    def __init__(self) -> None:
        self._question = lru_cache(1_000)(Question)
        self._asked = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request, after its whole body was read."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == ASKED:
            content = self._count()
        elif scope["path"] == ITEMS:
            self._asked += 1
            content = items(scope["query_string"], body)
        else:
            content = self._answer(orjson.loads(body))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _count(self) -> bytes:
        asked, self._asked = self._asked, 0
        return b"%d" % asked

    def _answer(self, request: dict[str, Any]) -> bytes:
        self._asked += 1
        document = request["query"]
        if document == "{ __typename }":
            return b'{"data":{"__typename":"Query"}}'
        return self._question(document).answer(request.get("variables") or {})


app = Service()
