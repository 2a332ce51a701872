"""A GraphQL service of its own for the tests: people, teams and what they wrote; it notes requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from graphql import build_schema, execute, parse, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SDL = """
scalar Date

"A person or a robot."
interface Being { id: ID! name: String! }

type Person implements Being {
  id: ID!
  name: String!
  age: Int
  mood: Mood
  born: Date
  team: Team
  friends(first: Int = 10, mood: Mood): [Person!]!
  writings: [Writing!]!
  secret: String
}

type Robot implements Being { id: ID! name: String! model: String! }

type Team { id: ID! title: String! members: [Being!]! }

type Note { id: ID! text: String! }
type Letter { id: ID! to: Person text: String! }
union Writing = Note | Letter

enum Mood { GLAD SAD }

input PersonInput { name: String!, age: Int, moods: [Mood!] = [GLAD] }

type Query {
  person(id: ID!): Person
  people(ids: [ID!]): [Person!]!
  team(id: ID!): Team
  beings: [Being!]!
  count(from: Int = 1): Int!
  echo(input: PersonInput!): String! @deprecated(reason: "Shout instead.")
  broken: Person
  never: Person!
}

type Mutation {
  rename(id: ID!, name: String!): Person
  fail: Person
}
"""

PEOPLE = {
    str(number): {
        "id": str(number),
        "name": name,
        "age": 20 + number,
        "mood": "GLAD" if number % 2 else "SAD",
        "born": f"200{number}-01-02",
        "team": "1",
    }
    for number, name in enumerate(["Ada", "Bob", "Cleo", 'Dee "D"\t\\', "Émil"], 1)
}


class Root:
    """The root value: graphql-core calls its methods."""

    def __init__(self) -> None:
        self.people = {key: dict(row) for key, row in PEOPLE.items()}

    def person(self, _info: Any, id: str) -> Any:  # noqa: A002 - the field's argument
        return self._one(id)

    def people_(self, _info: Any, ids: list[str] | None = None) -> Any:
        found = self.people if ids is None else [one for one in ids if one in self.people]
        # In an order of its own, as a service may.
        return [self._one(one) for one in sorted(found, reverse=True)]

    def team(self, _info: Any, id: str) -> Any:  # noqa: A002 - the field's argument
        return self._team() if id == "1" else None

    def beings(self, _info: Any) -> Any:
        return self._team()["members"]

    def count(self, _info: Any, **given: Any) -> int:
        return int(given["from"]) + len(self.people)

    def echo(self, _info: Any, input: dict[str, Any]) -> str:  # noqa: A002 - the field's argument
        return json.dumps(input, sort_keys=True)

    def broken(self, _info: Any) -> Any:
        raise RuntimeError("postgres://root:hunter2@db is down")

    never = broken

    def rename(self, _info: Any, id: str, name: str) -> Any:  # noqa: A002 - the field's argument
        if id not in self.people:
            return None
        self.people[id]["name"] = name
        return self._one(id)

    def fail(self, _info: Any) -> Any:
        raise RuntimeError("no")

    def _one(self, key: str) -> Any:
        row = self.people.get(key)
        if row is None:
            return None

        def friends(_info: Any, first: int = 10, mood: str | None = None) -> Any:
            others = [self._one(one) for one in self.people if one != key]
            return [one for one in others if mood is None or one["mood"] == mood][:first]

        def secret(_info: Any) -> Any:
            raise PermissionError("not for you")

        return {
            "__typename": "Person",
            **row,
            "team": lambda _info: self._team(),
            "friends": friends,
            "secret": secret,
            "writings": [
                {"__typename": "Note", "id": "n" + key, "text": "a\tb"},
                {"__typename": "Letter", "id": "l" + key, "text": "Dear", "to": None},
            ],
        }

    def _team(self) -> Any:
        robot = {"__typename": "Robot", "id": "r1", "name": "Rob", "model": "T"}
        return {
            "__typename": "Team",
            "id": "1",
            "title": "One",
            "members": [self._one("1"), robot, self._one("2")],
        }


class People:
    """The running service: `url`, and the `requests` it got as decoded JSON.

    `answer`, where it is set, answers instead: an ASGI application.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[..., Any] | None = None
        self.delay: asyncio.Event | None = None
        self.schema = build_schema(SDL)
        self.root = Root()

    def documents(self) -> list[str]:
        """The documents so far, without what a health check asks."""
        found = [one["query"] for one in self.requests]
        return [text for text in found if text != "{ __typename }"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        request = json.loads(body)
        self.requests.append(request)
        if self.delay is not None:
            await self.delay.wait()
        if self.answer is not None:
            await self.answer(scope, receive, send)
            return
        await reply(send, 200, json.dumps(self.run(request), ensure_ascii=False, indent="\t"))

    def run(self, request: dict[str, Any]) -> Any:
        """The response to a request."""
        document = parse(request["query"])
        errors = validate(self.schema, document)
        if errors:
            return {"errors": [error.formatted for error in errors]}
        values = {name: getattr(self.root, name) for name in dir(self.root) if name[0] != "_"}
        values["people"] = self.root.people_
        result: Any = execute(
            self.schema,
            document,
            root_value=values,
            variable_values=request.get("variables"),
            type_resolver=lambda value, *_: value["__typename"],
        )
        return result.formatted


async def reply(send: Any, status: int, text: str, kind: bytes = b"application/json") -> None:
    """Send a whole answer."""
    body = text.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on loopback; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        running = asyncio.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            server.should_exit = True
            server.force_exit = True
            await running


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[People]:
    """The service, up."""
    people = People("")
    async with serving(people) as url:
        people.url = url
        yield people
