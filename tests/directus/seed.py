"""What the Directus of the tests holds: articles with every kind of relation, and three users.

| who | may |
|---|---|
| admin (`instance.ADMIN_TOKEN`, or email and password) | everything |
| `READER_TOKEN` | read published articles without `body`, authors, tags, comments, blocks and files |
| `EDITOR_TOKEN`, or `EDITOR_EMAIL` and `EDITOR_PASSWORD` | read and write articles and the rest; delete comments only |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

READER_TOKEN = "a-static-token-of-the-reader"
EDITOR_TOKEN = "a-static-token-of-the-editor"
EDITOR_EMAIL = "editor@example.com"
EDITOR_PASSWORD = "the editor's password"

ARTICLES = 12
"""Numbered from 1; article n belongs to trend 100 + n, is by author 1 + n % 3, draft where n % 4 == 0."""

Item = dict[str, Any]

_KEY: Item = {
    "field": "id",
    "type": "integer",
    "schema": {"is_primary_key": True, "has_auto_increment": True},
    "meta": {"hidden": True, "readonly": True},
}


def seed(client: httpx.Client) -> None:
    """Make the collections, fill them, and make the users. `client` is the admin."""
    _post(client, "/collections", _collections())
    for one in _relations():
        _post(client, "/relations", one)
    cover = client.post(
        "/files",
        data={"title": "A cover"},
        files={"file": ("cover.png", _PNG, "image/png")},
    ).json()["data"]["id"]
    _fill(client, cover)
    _users(client)


def _post(client: httpx.Client, path: str, content: Any) -> Any:
    answer = client.post(path, json=content)
    assert answer.is_success, (path, answer.text)
    return answer.json()["data"] if answer.content else None


def _field(name: str, type_: str, **schema: Any) -> Item:
    return {"field": name, "type": type_, "schema": schema, "meta": {}}


def _alias(name: str, special: str) -> Item:
    return {"field": name, "type": "alias", "schema": None, "meta": {"special": [special]}}


def _collection(name: str, *fields: Item, hidden: bool = False) -> Item:
    key = (
        [] if any(one["schema"] and "is_primary_key" in one["schema"] for one in fields) else [_KEY]
    )
    return {
        "collection": name,
        "schema": {},
        "meta": {"hidden": hidden, "note": f"The {name} of the tests."},
        "fields": [*key, *fields],
    }


def _collections() -> list[Item]:
    cover = {"field": "cover", "type": "uuid", "schema": {}, "meta": {"special": ["file"]}}
    status = _field("status", "string", default_value="draft", is_nullable=False)
    status["meta"] = {
        "interface": "select-dropdown",
        "options": {
            "choices": [{"text": "D", "value": "draft"}, {"text": "P", "value": "published"}]
        },
    }
    rating = _field("rating", "integer")
    rating["meta"] = {"validation": {"_and": [{"rating": {"_lte": 5}}]}}
    created = _field("created", "timestamp")
    created["meta"] = {"special": ["date-created"]}
    return [
        _collection(
            "articles",
            _field("trend_id", "integer", is_unique=True),
            _field("title", "string", is_nullable=False, max_length=100),
            _field("slug", "string", is_unique=True),
            _field("body", "text"),
            status,
            rating,
            _field("price", "decimal", numeric_precision=10, numeric_scale=2),
            _field("views", "bigInteger"),
            _field("published_on", "date"),
            created,
            _field("extra", "json"),
            _field("featured", "boolean", default_value=False, is_nullable=False),
            _field("author", "integer"),
            cover,
            _alias("tags", "m2m"),
            _alias("comments", "o2m"),
            _alias("blocks", "m2a"),
        ),
        _collection(
            "authors", _field("name", "string", is_nullable=False), _alias("articles", "o2m")
        ),
        _collection("tags", _field("name", "string", is_nullable=False, is_unique=True)),
        _collection(
            "articles_tags",
            _field("articles_id", "integer"),
            _field("tags_id", "integer"),
            hidden=True,
        ),
        _collection("comments", _field("text", "text"), _field("article", "integer")),
        _collection("paragraphs", _field("text", "text")),
        _collection("quotes", _field("text", "text"), _field("source", "string")),
        _collection(
            "articles_blocks",
            _field("articles_id", "integer"),
            _field("item", "string"),
            _field("collection", "string"),
            hidden=True,
        ),
    ]


def _relations() -> list[Item]:
    def link(collection: str, field: str, to: str, one_field: str | None, **more: Any) -> Item:
        return {
            "collection": collection,
            "field": field,
            "related_collection": to,
            "meta": {"one_field": one_field, **more},
        }

    return [
        link("articles", "author", "authors", "articles"),
        link("articles", "cover", "directus_files", None),
        link("comments", "article", "articles", "comments"),
        link("articles_tags", "articles_id", "articles", "tags", junction_field="tags_id"),
        link("articles_tags", "tags_id", "tags", None, junction_field="articles_id"),
        link("articles_blocks", "articles_id", "articles", "blocks", junction_field="item"),
        {
            "collection": "articles_blocks",
            "field": "item",
            "related_collection": None,
            "meta": {
                "one_collection_field": "collection",
                "one_allowed_collections": ["paragraphs", "quotes"],
                "junction_field": "articles_id",
            },
        },
    ]


def _fill(client: httpx.Client, cover: str) -> None:
    _post(client, "/items/authors", [{"name": name} for name in ("Ann", "Bob", "Cem")])
    _post(client, "/items/tags", [{"name": name} for name in ("ai", "web", "data", "news")])
    _post(client, "/items/articles", [_article(number, cover) for number in range(1, ARTICLES + 1)])


def _article(number: int, cover: str) -> Item:
    return {
        "trend_id": 100 + number,
        "title": f"Article {number}",
        "slug": f"article-{number}",
        "body": f"What article {number} says.",
        "status": "draft" if number % 4 == 0 else "published",
        "rating": number % 6,
        "price": f"{number}.50",
        "views": str(2**40 + number),
        "published_on": f"2026-01-{number:02}",
        "extra": {"n": number, "list": [1, "two", None]},
        "featured": number % 2 == 0,
        "author": 1 + number % 3,
        "cover": cover if number == 1 else None,
        "tags": [{"tags_id": 1 + (number + step) % 4} for step in range(number % 3)],
        "comments": [{"text": f"Comment {step} on {number}"} for step in range(1, number % 4 + 1)],
        "blocks": [
            {"collection": "paragraphs", "item": {"text": f"Paragraph of {number}"}},
            {"collection": "quotes", "item": {"text": f"Quote of {number}", "source": "S"}},
        ]
        if number <= 3
        else [],
    }


_OPEN = ("authors", "tags", "articles_tags", "comments", "paragraphs", "quotes", "articles_blocks")


def _users(client: httpx.Client) -> None:
    def may(policy: str, action: str, collection: str, **more: Any) -> Item:
        return {
            "policy": policy,
            "action": action,
            "collection": collection,
            "fields": ["*"],
        } | more

    def user(name: str, email: str, password: str, token: str) -> str:
        role = _post(client, "/roles", {"name": name})["id"]
        policy = _post(client, "/policies", {"name": name, "roles": [{"role": role}]})["id"]
        person = {"email": email, "password": password, "token": token, "role": role}
        _post(client, "/users", person)
        return str(policy)

    reader = user("reader", "reader@example.com", "the reader's password", READER_TOKEN)
    editor = user("editor", EDITOR_EMAIL, EDITOR_PASSWORD, EDITOR_TOKEN)
    shown = [name for name in _SHOWN if name != "body"]
    published = {"status": {"_eq": "published"}}
    rules = [may(reader, "read", "articles", fields=shown, permissions=published)]
    rules += [may(reader, "read", name) for name in (*_OPEN, "directus_files")]
    for name in ("articles", *_OPEN, "directus_files"):
        rules += [may(editor, action, name) for action in ("create", "read", "update")]
    rules.append(may(editor, "delete", "comments"))
    _post(client, "/permissions", rules)


_SHOWN = ["id", *(one["field"] for one in _collections()[0]["fields"] if one["field"] != "id")]

_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""One transparent pixel."""
