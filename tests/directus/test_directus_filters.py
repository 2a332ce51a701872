"""Filters and orders in Directus's terms; needs no Directus."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from newsroom import DOMAIN

from gateway.errors import InputError
from gateway.schema.build import build
from gateway.schema.lists.shapes import MAX_CONDITIONS, MAX_DEPTH, MAX_IN
from gateway.sources.directus.filters import MAX_SORT, Filters, sort_of

COLLECTIONS = build(DOMAIN).catalog.collections
ARTICLE = COLLECTIONS["Article"]


def translated(given: dict[str, Any], path: tuple[str, ...] = ()) -> Any:
    found = Filters().json(ARTICLE, given, path)
    return None if found is None else orjson.loads(found)


def test_each_condition_is_a_leaf_of_its_own():
    """Directus reads the first member of an object only."""
    assert translated({"title": {"eq": "a", "istartsWith": "b"}, "rating": {"gte": 3}}) == {
        "_and": [
            {"title": {"_eq": "a"}},
            {"title": {"_istarts_with": "b"}},
            {"rating": {"_gte": 3}},
        ]
    }


def test_alternatives():
    """One without conditions always holds, so the whole does."""
    found = translated({"or": [{"rating": {"lt": 3}}, {"and": [{"slug": {"in": ["a"]}}]}]})
    assert found == {"_or": [{"rating": {"_lt": 3}}, {"slug": {"_in": ["a"]}}]}
    assert translated({"or": [{"rating": {"lt": 3}}, {}]}) is None


def test_values_are_written_as_directus_has_them():
    """Fields by Directus's names, enums by their values, decimals as text."""
    price = {"price": {"lte": Decimal("1.50")}, "about": {"eq": 7}, "status": {"ne": "published"}}
    assert translated(price)["_and"] == [
        {"price": {"_lte": "1.50"}},
        {"trend_id": {"_eq": 7}},
        {"status": {"_neq": "published"}},
    ]


def test_missing_values():
    """By `isNull`, and empty texts too."""
    assert translated({"slug": {"isNull": True}}) == {"slug": {"_null": True}}
    assert translated({"slug": {"isEmpty": False}}) == {"slug": {"_nempty": True}}
    assert translated({"slug": {"ne": ""}}) == {"slug": {"_nempty": True}}
    assert translated({"slug": {"eq": ""}}) == {
        "_and": [{"slug": {"_empty": True}}, {"slug": {"_nnull": True}}]
    }
    with pytest.raises(InputError, match="isNull"):
        translated({"slug": {"eq": None}})


def test_one_of_none():
    """Nothing is one of none, and everything is not."""
    assert translated({"slug": {"in": []}}) == {
        "_and": [{"slug": {"_null": True}}, {"slug": {"_nnull": True}}]
    }
    assert translated({"slug": {"notIn": []}}) is None


def test_through_relations():
    """A single condition below a quantifier is Directus's own; several of `some` are joined."""
    assert translated({"author": {"name": {"eq": "A"}}}) == {"author": {"name": {"_eq": "A"}}}
    assert translated({"comments": {"some": {"text": {"contains": "x"}}}}) == {
        "comments": {"_some": {"text": {"_contains": "x"}}}
    }
    assert translated({"tags": {"none": {"name": {"eq": "ai"}}}}) == {
        "tags": {"_none": {"tags_id": {"name": {"_eq": "ai"}}}}
    }
    several = {"tags": {"some": {"name": {"eq": "ai"}, "id": {"gt": "1"}}}}
    assert translated(several)["_and"][:2] == [
        {"tags": {"tags_id": {"name": {"_eq": "ai"}}}},
        {"tags": {"tags_id": {"id": {"_gt": "1"}}}},
    ]


def test_no_item_like_several_alternatives():
    """None of either is none of the one and none of the other."""
    given = {"tags": {"none": {"or": [{"name": {"eq": "a"}}, {"name": {"eq": "b"}}]}}}
    assert translated(given) == {
        "_and": [{"tags": {"_none": {"tags_id": {"name": {"_eq": name}}}}} for name in ("a", "b")]
    }


@pytest.mark.parametrize(
    "given",
    [
        {"tags": {"none": {"name": {"eq": "a"}, "id": {"gt": "1"}}}},
        {"author": {"articles": {"none": {"slug": {"eq": "a"}}}}},
        {
            "and": [
                {"tags": {"some": {"name": {"eq": name}, "id": {"gt": "1"}}}} for name in ("a", "b")
            ]
        },
    ],
)
def test_what_directus_would_not_notice_is_refused(given):
    """It takes no notice of several conditions below `_none`, and joins a path but once."""
    with pytest.raises(InputError, match="Directus"):
        translated(given)


@pytest.mark.parametrize("value", ["$NOW", "$CURRENT_USER.email", "$CURRENT_ROLE", "null", "true"])
def test_variables_of_directus_are_refused(value):
    """They would read what Directus knows of the gateway's own account; so are its words."""
    with pytest.raises(InputError, match=r"filter\.title\.eq"):
        translated({"title": {"eq": value}})
    with pytest.raises(InputError):
        translated({"slug": {"in": ["a", value]}})


def test_bounds():
    """On depth, conditions and values."""
    deep: dict[str, Any] = {"slug": {"eq": "a"}}
    for _ in range(MAX_DEPTH + 1):
        deep = {"and": [deep]}
    for given in (
        deep,
        {"and": [{"slug": {"eq": "a"}}] * MAX_CONDITIONS},
        {"and": [{}] * MAX_CONDITIONS},
        {"or": [{"slug": None}] * MAX_CONDITIONS},
        {"slug": {"in": ["a"] * (MAX_IN + 1)}},
    ):
        with pytest.raises(InputError):
            translated(given)


def test_sorts():
    """By paths of Directus's names."""
    given = [{"author": {"name": "DESC"}}, {"about": "ASC"}]
    assert sort_of(ARTICLE, given) == ("-author.name", "trend_id")
    assert sort_of(ARTICLE, [{"slug": "DESC"}], ("far",)) == ("-far.slug",)
    with pytest.raises(InputError):
        sort_of(ARTICLE, [{"slug": "ASC"}] * (MAX_SORT + 1))
