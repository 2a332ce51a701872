"""What start-up says of classes bound to Directus; needs no Directus."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import pytest
import strawberry
from newsroom import TRENDS, Trend
from strawberry import ID

from gateway import (
    Domain,
    ItemGroups,
    Items,
    directus_any,
    directus_asset,
    directus_by_id,
    directus_collection,
    directus_field,
    directus_groups,
    directus_item,
    directus_items,
    directus_local,
    directus_many,
    directus_one,
    entity,
    queries,
)
from gateway.errors import ConfigurationError
from gateway.schema.build import build

if TYPE_CHECKING:
    from collections.abc import Mapping


def a_class(name: str, annotations: Mapping[str, Any], **fields: Any) -> Any:
    """A class as its source would make it."""

    def fill(body: dict[str, Any]) -> None:
        body |= {"__annotations__": dict(annotations), "__module__": __name__, **fields}

    return types.new_class(name, exec_body=fill)


def collection(name: str, annotations: Mapping[str, Any], **fields: Any) -> Any:
    """A class of the collection of the same name in lower case."""
    bound = directus_collection(name.lower())
    return bound(a_class(name, {"id": ID, **annotations}, **fields))


TAG = collection("Tag", {"name": str | None})
STRANGE = collection("Strange", {})


def schema_of(*collections: Any, root: Any = None, **rest: Any) -> str:
    """The schema of a domain with these collections and one root field."""
    made = root or (Items[collections[0]] | None, directus_items())
    roots = queries(a_class("Roots", {"found": made[0]}, found=made[1]))
    text: str = build(
        Domain(entities=rest.get("entities", ()), queries=[roots], collections=collections)
    ).schema.as_str()
    return text


@pytest.mark.parametrize(
    ("annotations", "fields", "says"),
    [
        ({"size": complex}, {}, "Post.size: a value of an item cannot be"),
        ({"tag": TAG}, {"tag": directus_one("tag")}, r"Post\.tag: annotate it `… \| None`"),
        ({"tags": TAG | None}, {"tags": directus_many("tags")}, "Post.tags: annotate it `list"),
        (
            {"tags": list[TAG | STRANGE] | None},
            {"tags": directus_many("tags")},
            r"Post.tags: a union needs directus_any",
        ),
        (
            {"one": STRANGE | None},
            {"one": directus_one("one")},
            "no class of a collection",
        ),
        ({"url": str}, {"url": directus_asset()}, r"Post\.url: annotate it `… \| None`"),
        ({"t": TAG | None}, {"t": directus_local("t")}, "Post.t: annotate it with an entity"),
        (
            {"x": Items[TAG] | None},
            {"x": directus_items()},
            "no meaning on a class of a collection",
        ),
        (
            {"tag": TAG | None, "tag_id": int | None},
            {"tag": directus_one("tag"), "tag_id": directus_field("tag")},
            "Post: field 'tag' is bound as a value and as a relation",
        ),
    ],
)
def test_a_field_that_cannot_be(annotations, fields, says):
    """Start-up names it, and says what would be right."""
    post = collection("Post", annotations, **fields)
    with pytest.raises(ConfigurationError, match=says):
        schema_of(post, TAG)


@pytest.mark.parametrize(
    "root",
    [
        (Items[TAG], directus_items()),
        (TAG | None, directus_items()),
        (Items[STRANGE] | None, directus_items()),
        (list[TAG] | None, directus_by_id()),
    ],
)
def test_a_root_field_that_cannot_be(root):
    """Another form than the binding gives, or a class that the domain does not list."""
    with pytest.raises(ConfigurationError, match=r"Roots\.found"):
        schema_of(TAG, root=root)


def test_classes_that_cannot_be():
    """Without the decorator, without the key, or of a name that an entity has."""
    with pytest.raises(ConfigurationError, match="decorate it"):
        schema_of(TAG, strawberry.type(a_class("Plain", {"id": ID})))
    keyless = directus_collection("keyless", key="uuid")(a_class("Keyless", {"id": ID}))
    with pytest.raises(ConfigurationError, match="'uuid'"):
        schema_of(keyless)
    with pytest.raises(ConfigurationError, match="same class name"):
        schema_of(TAG, collection("Trend", {}), entities=[Trend])


@pytest.mark.parametrize(
    ("binding", "says"),
    [
        (directus_item("posts", match="trend_id"), "shows the collection tag, not posts"),
        (directus_item("tag", key="slug"), "'slug' is not a column"),
    ],
)
def test_an_entitys_item_that_cannot_be(binding, says):
    """Another collection than the class shows, or a column that the entity does not have."""
    annotations = {"id": ID, "title": str, "tag": TAG | None}
    row = entity(TRENDS, name="Row")(a_class("Row", annotations, tag=binding))
    with pytest.raises(ConfigurationError, match=says):
        schema_of(TAG, entities=[row])


def test_what_needs_a_permission_is_no_argument():
    """Neither a guarded field nor a relation to a guarded type can be filtered or sorted by.

    Nor can words be sought, which the source would look for in the guarded field too.
    """
    secret = directus_collection("secrets", roles=["editor"])(a_class("Secret", {"id": ID}))
    post = collection(
        "Post",
        {"mood": str | None, "secret": secret | None, "kind": str | None},
        mood=directus_field("mood", roles=["editor"]),
        secret=directus_one("secret"),
    )
    text = schema_of(post, secret)
    inputs = text[text.index("input PostFilter") :].partition("}")[0]
    assert "kind: ItemTextFilter" in inputs
    assert "mood" not in inputs
    assert "secret" not in inputs
    assert "mood" not in text[text.index("input PostSort") :].partition("}")[0]
    assert "search:" not in text
    assert "search:" in schema_of(TAG)
    tagged = collection("Tagged", {"posts": list[post] | None}, posts=directus_many("posts"))
    text = schema_of(tagged, post, secret)
    assert "search:" in text[text.index("found(") :].partition(")")[0]
    assert "search:" not in text[text.index("posts(") :].partition(")")[0]
    groups = (ItemGroups[post] | None, directus_groups())
    assert "search:" not in schema_of(post, secret, root=groups)


def test_a_single_target_of_many_to_any():
    """Needs no union."""
    page = collection("Page", {"blocks": list[TAG] | None}, blocks=directus_any("blocks"))
    assert "blocks(" in schema_of(page, TAG)


def test_a_singleton_takes_no_key():
    """Nor has it a list."""
    site = directus_collection("site", singleton=True)(a_class("Site", {"id": ID}))
    assert "found: Site\n" in schema_of(site, root=(site | None, directus_by_id()))
