"""Related items in the inputs of writes: made, changed, led here and let go."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import newsroom
import pytest
from newsroom import Newsroom, Recording, running
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time
from writing import code, only

from gateway import (
    Domain,
    directus_any,
    directus_by_id,
    directus_collection,
    directus_create,
    directus_field,
    directus_many,
    directus_one,
    directus_update,
    directus_update_many,
    mutations,
    queries,
)
from gateway.errors import InputError
from gateway.schema.build import build
from gateway.schema.items.asks import MAX_ITEMS, Item, ItemLookup, ItemWrite
from gateway.schema.lists.shapes import MAX_DEPTH
from gateway.sources.directus.credentials import StaticToken
from gateway.sources.directus.source import DirectusSource
from gateway.sources.http import HttpService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from instance import Directus

    from gateway.schema.items.catalog import Collection


@directus_collection("articles", key_type=int)
class Story:
    """An article that is written with all that hangs on it."""

    id: ID = directus_field(readonly=True)
    title: str | None
    about: int | None = directus_field("trend_id")
    author: Writer | None = directus_one("author", nested=True)
    comments: list[Remark] | None = directus_many("comments", nested=True)
    tags: list[Label] | None = directus_many("tags", through="tags_id", nested=True)
    blocks: list[Text | Saying] | None = directus_any("blocks", nested=True)


@directus_collection("authors", key_type=int)
class Writer:
    """Who writes."""

    id: ID = directus_field(readonly=True)
    name: str | None
    stories: list[Story] | None = directus_many("articles", nested=True)


@directus_collection("comments", key_type=int)
class Remark:
    """What somebody says."""

    id: ID = directus_field(readonly=True)
    text: str | None


@directus_collection("tags", key_type=int)
class Label:
    """A tag."""

    id: ID = directus_field(readonly=True)
    name: str | None


@directus_collection("paragraphs", key_type=int)
class Text:
    """A block of text."""

    id: ID = directus_field(readonly=True)
    text: str | None


@directus_collection("quotes", key_type=int)
class Saying:
    """A block somebody said."""

    id: ID = directus_field(readonly=True)
    source: str | None


@queries
class Reads:
    """What a schema needs."""

    story: Story | None = directus_by_id()


@mutations
class Writes:
    """Writes with related items."""

    create_story: Story | None = directus_create()
    update_story: Story | None = directus_update()
    update_stories: list[Story] | None = directus_update_many()


DOMAIN = Domain(
    entities=[],
    queries=[Reads],
    mutations=[Writes],
    collections=[Story, Writer, Remark, Label, Text, Saying],
)
API = build(DOMAIN)
COLLECTIONS = API.catalog.collections


def written(given: dict[str, Any]) -> Any:
    """What an input becomes for Directus."""
    return DirectusSource("directus", None).written(COLLECTIONS["Story"], given, "set")


def test_schema() -> None:
    """One input for each way to say which item, and one of them at a time."""
    sdl = API.schema.as_str()
    for part in (
        "input StoryCreate",
        "author: WriterReference",
        "comments: RemarkRelated",
        "tags: LabelJoined",
        "blocks: StoryBlocksJoined",
        "input WriterReference @oneOf",
        "input StoryBlocksReference @oneOf",
        "text: TextReference",
        "saying: SayingReference",
    ):
        assert part in sdl
    assert "remove" not in sdl.split("input LabelJoined")[1].split("}")[0]
    update = sdl.split("input WriterUpdate")[1].split("}")[0]
    assert "key: ID!" in update
    assert "set: WriterPatch!" in update


def test_to_one() -> None:
    """A key, a new item, or one with its key and new values; null for none."""
    assert written({"author": None}) == {"author": None}
    assert written({"author": {"key": "2"}}) == {"author": "2"}
    assert written({"author": {"create": {"name": "New"}}}) == {"author": {"name": "New"}}
    update = {"update": {"key": "2", "set": {"name": "Other"}}}
    assert written({"author": update}) == {"author": {"name": "Other", "id": "2"}}


def test_to_many() -> None:
    """All of them, or what is new, what is led here or changed, and what is let go."""
    update = {"update": {"key": "2", "set": {"text": "b"}}}
    given = [{"key": "1"}, update, {"create": {"text": "c"}}]
    changed = {"text": "b", "id": "2"}
    assert written({"comments": {"set": given}}) == {"comments": ["1", changed, {"text": "c"}]}
    assert written({"comments": {"add": given, "remove": ["4"]}}) == {
        "comments": {"create": [{"text": "c"}], "update": [{"id": "1"}, changed], "delete": ["4"]}
    }
    assert written({"comments": {"set": []}}) == {"comments": []}


def test_through_a_junction() -> None:
    """Items stand in rows of the junction, which are always new ones."""
    given = [{"key": "1"}, {"create": {"name": "n"}}]
    rows = [{"tags_id": "1"}, {"tags_id": {"name": "n"}}]
    assert written({"tags": {"set": given}}) == {"tags": rows}
    assert written({"tags": {"add": given}})["tags"]["create"] == rows


def test_many_to_any() -> None:
    """The collection is told by the member."""
    given = [{"text": {"create": {"text": "a"}}}, {"saying": {"key": "7"}}]
    assert written({"blocks": {"set": given}}) == {
        "blocks": [
            {"item": {"text": "a"}, "collection": "paragraphs"},
            {"item": "7", "collection": "quotes"},
        ]
    }


def test_what_a_write_reaches() -> None:
    """Collections that inputs make or change items of, through any number of them, and by key."""

    def reached(collection: Collection) -> list[str]:
        shown = ItemLookup(Item(collection, ()), "id")
        return [one.name for one in ItemWrite("create", shown, 0).reached()]

    assert reached(COLLECTIONS["Story"]) == ["Story", "Writer", "Remark", "Label", "Text", "Saying"]
    assert reached(COLLECTIONS["Writer"])[:2] == ["Writer", "Story"]
    assert reached(COLLECTIONS["Label"]) == ["Label"]
    by_key = build(newsroom.DOMAIN).catalog.collections["Article"]
    assert reached(by_key) == ["Article", "Comment"]


def deep(levels: int) -> dict[str, Any]:
    given: dict[str, Any] = {"title": "x"}
    for _ in range(levels):
        given = {"author": {"create": {"stories": {"add": [{"create": given}]}}}}
    return given


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"comments": {"set": [], "remove": ["1"]}},
            "`set.comments.set` says all that are related",
        ),
        ({"comments": {"add": [{"key": str(one)} for one in range(MAX_ITEMS + 1)]}}, "goes beyond"),
        (deep(MAX_DEPTH), "nested deeper than"),
        ({"author": {"create": {"name": "\0"}}}, "`set.author.create.name` must be text without"),
    ],
)
def test_refused(given: dict[str, Any], says: str) -> None:
    """What contradicts itself, or is too much, before anything is sent."""
    with pytest.raises(InputError, match=says):
        written(given)


# A real one --------------------------------------------------------------------------------------


@asynccontextmanager
async def stories(directus: Directus) -> AsyncIterator[Newsroom]:
    sending = Recording(HttpService("directus", directus.url), StaticToken(directus.token))
    async with running(sending, domain=DOMAIN) as room:
        yield room


SHOWN = (
    "id title author { id name } comments(sort: { text: ASC }) { id text } "
    "tags(sort: { name: ASC }) { id name } "
    "blocks { __typename ... on Text { text } ... on Saying { source } }"
)
CREATE = f"mutation ($input: StoryCreate!) {{ createStory(input: $input) {{ {SHOWN} }} }}"
UPDATE = (
    f"mutation ($id: ID!, $set: StoryPatch!) {{ updateStory(id: $id, set: $set) {{ {SHOWN} }} }}"
)


@pytest.fixture
async def cleared(admin: httpx.AsyncClient) -> AsyncIterator[None]:
    """Whatever the test leaves of its own is removed; all its texts begin with `N `."""
    yield
    mine = {"_starts_with": "N "}
    places: dict[str, dict[str, Any]] = {
        "articles": {"title": mine},
        "articles_tags": {"tags_id": {"name": mine}},
        "tags": {"name": mine},
        "authors": {"name": mine},
        "comments": {"text": mine},
        "paragraphs": {"text": mine},
        "quotes": {"source": mine},
    }
    for collection, where in places.items():
        query = {"query": {"filter": where, "limit": -1}}
        answer = await admin.request("DELETE", f"/items/{collection}", json=query)
        assert answer.status_code == httpx.codes.NO_CONTENT, answer.text


@pytest.mark.usefixtures("cleared")
async def test_all_at_once(directus: Directus) -> None:
    """New items of every relation in one request, then changes to them, then none."""
    given = {
        "title": "N Story",
        "about": 5901,
        "author": {"create": {"name": "N Writer"}},
        "comments": {"add": [{"create": {"text": "N 1"}}, {"create": {"text": "N 2"}}]},
        "tags": {"set": [{"key": "1"}, {"create": {"name": "N tag"}}]},
        "blocks": {
            "set": [
                {"text": {"create": {"text": "N T"}}},
                {"saying": {"create": {"source": "N S"}}},
            ]
        },
    }
    async with stories(directus) as room:
        made = (await room.data(CREATE, input=given))["createStory"]
        assert [method for method, _ in room.requests] == ["POST"]
        assert made["author"]["name"] == "N Writer"
        assert [one["text"] for one in made["comments"]] == ["N 1", "N 2"]
        assert [one["name"] for one in made["tags"]] == ["N tag", "ai"]
        assert made["blocks"] == [
            {"__typename": "Text", "text": "N T"},
            {"__typename": "Saying", "source": "N S"},
        ]

        first, second = (one["id"] for one in made["comments"])
        changes = {
            "author": {"update": {"key": made["author"]["id"], "set": {"name": "N Renamed"}}},
            "comments": {
                "add": [
                    {"update": {"key": second, "set": {"text": "N 2b"}}},
                    {"create": {"text": "N 3"}},
                ],
                "remove": [first],
            },
            "tags": {"add": [{"key": "2"}]},
            "blocks": {"add": [{"text": {"create": {"text": "N T 2"}}}]},
        }
        changed = (await room.data(UPDATE, id=made["id"], set=changes))["updateStory"]
        assert changed["author"] == {"id": made["author"]["id"], "name": "N Renamed"}
        assert [one["text"] for one in changed["comments"]] == ["N 2b", "N 3"]
        assert [one["name"] for one in changed["tags"]] == ["N tag", "ai", "web"]
        assert [one.get("text") for one in changed["blocks"]] == ["N T", None, "N T 2"]

        missing = {"update": {"key": "77777", "set": {"text": "N"}}}
        passed = await room.data(UPDATE, id=made["id"], set={"comments": {"add": [missing]}})
        assert passed["updateStory"]["comments"] == changed["comments"]
        missing = {"update": {"key": "77777", "set": {"name": "N Renamed"}}}
        created = await room.data(UPDATE, id=made["id"], set={"author": missing})
        assert created["updateStory"]["author"] == {"id": "77777", "name": "N Renamed"}

        none: dict[str, Any] = {
            "author": None,
            "comments": None,
            "tags": {"set": []},
            "blocks": {"set": []},
        }
        emptied = (await room.data(UPDATE, id=made["id"], set=none))["updateStory"]
        assert emptied["author"] is None
        assert emptied["comments"] == emptied["tags"] == emptied["blocks"] == []

        body = await room.ask(
            UPDATE, id=made["id"], set={"comments": {"add": [{"key": "1", "create": {}}]}}
        )
        assert code(body) == "BAD_USER_INPUT"
        assert "exactly one" in only(body)["message"].lower()
