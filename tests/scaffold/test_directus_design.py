"""Classes made of what a Directus tells, and their modules; needs no Directus."""

from __future__ import annotations

import ast
from typing import Any

import msgspec

from gateway.scaffold.directus_design import design
from gateway.scaffold.directus_text import files_of
from gateway.sources.directus.introspection import (
    CollectionRow,
    FieldRow,
    Instance,
    RelationRow,
)


def an_instance(
    collections: list[dict[str, Any]],
    fields: dict[str, dict[str, Any]],
    relations: list[dict[str, Any]] = (),  # type: ignore[assignment]  # none by default
) -> Instance:
    """What Directus would tell: fields are `collection.field` → the rest."""
    rows = []
    for place, rest in fields.items():
        collection, _, field = place.partition(".")
        rows.append({"collection": collection, "field": field, **rest})
    return Instance(
        msgspec.convert([{"schema": {}, **one} for one in collections], list[CollectionRow]),
        msgspec.convert(rows, list[FieldRow]),
        msgspec.convert(list(relations), list[RelationRow]),
    )


def key(type_: str = "integer") -> dict[str, Any]:
    """A primary key."""
    return {"type": type_, "schema": {"is_primary_key": True}}


def test_types_and_names():
    """Each type has its annotation; a name that Python or the engine has is moved, not lost."""
    instance = an_instance(
        [{"collection": "blog_posts", "meta": {"note": "What we write."}}],
        {
            "blog_posts.code": key("uuid"),
            "blog_posts.class": {"type": "string"},
            "blog_posts.and": {"type": "integer"},
            "blog_posts.Größe": {"type": "decimal", "meta": {"note": "In cm."}},
            "blog_posts.tags": {"type": "csv"},
            "blog_posts.shape": {"type": "geometry.Point"},
            "blog_posts.secret": {"type": "hash", "meta": {"special": ["hash", "conceal"]}},
            "blog_posts.divider": {"type": "alias", "meta": {"special": ["alias", "no-data"]}},
        },
    )
    (made,) = design(instance)
    assert (made.name, made.key, made.key_type) == ("BlogPost", "code", "UUID")
    assert (made.one, made.all, made.groups) == ("blog_post", "blog_posts", "blog_post_groups")
    assert [(one.name, one.annotation, one.public) for one in made.fields] == [
        ("code", "ID", ""),
        ("class_", "str", "class"),
        ("and_2", "int", ""),
        ("grosse", "Decimal", ""),
        ("tags", "list[str]", ""),
        ("shape", "JSON", ""),
    ]
    text = files_of([made], "default")["blog_posts.py"]
    ast.parse(text)
    assert '@directus_collection("blog_posts", key="code", key_type=UUID)' in text
    assert '    """What we write."""' in text
    assert 'directus_field("Größe", description="In cm.")' in text
    assert 'class_: str | None = directus_field("class", name="class")' in text


def test_what_is_left_out():
    """Folders, collections without a key, Directus's own, and what no pattern fits."""
    instance = an_instance(
        [
            {"collection": "folder", "schema": None},
            {"collection": "keyless"},
            {"collection": "directus_users"},
            {"collection": "directus_files"},
            {"collection": "drafts"},
            {"collection": "posts"},
        ],
        {
            "folder.id": key(),
            "keyless.name": {"type": "string"},
            "directus_users.id": key("uuid"),
            "directus_files.id": key("uuid"),
            "drafts.id": key(),
            "posts.id": key(),
            "posts.owner": {"type": "uuid"},
        },
        [{"collection": "posts", "field": "owner", "related_collection": "directus_users"}],
    )
    assert [one.collection for one in design(instance)] == ["drafts", "posts"]
    assert [one.collection for one in design(instance, ["!dr*"])] == ["posts"]
    (posts,) = design(instance, ["p*"])
    assert [(one.name, one.annotation) for one in posts.fields] == [("id", "ID"), ("owner", "UUID")]


def test_relations_to_oneself_and_singletons():
    """A tree of pages, and a collection of one item."""
    instance = an_instance(
        [{"collection": "pages"}, {"collection": "site", "meta": {"singleton": True}}],
        {
            "pages.id": key("string"),
            "pages.parent": {"type": "string"},
            "pages.children": {"type": "alias", "meta": {"special": ["o2m"]}},
            "site.id": key(),
        },
        [
            {
                "collection": "pages",
                "field": "parent",
                "related_collection": "pages",
                "meta": {"one_field": "children"},
            }
        ],
    )
    pages, site = design(instance)
    assert [(one.name, one.annotation, one.binding) for one in pages.fields[1:]] == [
        ("parent", "Page", "directus_one"),
        ("children", "list[Page]", "directus_many"),
    ]
    files = files_of([pages, site], "cms")
    assert 'parent: "Page | None" = directus_one("parent")' in files["pages.py"]
    assert (
        '@directus_collection("site", key_type=int, source="cms", singleton=True)'
        in (files["site.py"])
    )
    assert "directus_items" not in files["site.py"]
    assert "COLLECTIONS = [Page, Site]" in files["__init__.py"]


def test_equal_instances_make_equal_files():
    """Whatever the order in which Directus tells."""
    fields = {"b.id": key(), "a.id": key(), "a.b": {"type": "integer"}}
    relations = [{"collection": "a", "field": "b", "related_collection": "b"}]
    one = an_instance([{"collection": "a"}, {"collection": "b"}], fields, relations)
    other = an_instance([{"collection": "b"}, {"collection": "a"}], fields, relations)
    assert files_of(design(one), "default") == files_of(design(other), "default")
