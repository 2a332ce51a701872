"""Key patterns: what may be declared, and what keys they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigurationError
from gateway.sources.redis import RedisSource
from gateway.sources.redis.pattern import KeyPattern

SOURCE = RedisSource("state", "redis://127.0.0.1:6379/0")


@pytest.mark.parametrize(
    "pattern",
    [
        "views:trend",
        "views:{nope}",
        "{id}",
        "views{id}",
        "views:{}",
        "views:{id.real}",
        "views:{id[0]}",
        "views:{id!r}",
        "views:{id:>9}",
        "views:{id",
        "views:id}",
        "views:{id}{other}",
        "views:{id}_{other}",
        "",
    ],
)
def test_a_bad_pattern_is_refused_at_start_up(pattern):
    """The error names the pattern, which is a setting and no secret."""
    with pytest.raises(ConfigurationError, match="key pattern"):
        SOURCE.prepare_bound(pattern, ["id", "other"], "counter")


def test_a_pattern_may_hold_braces():
    """Doubled braces are braces: Redis Cluster's hash tags."""
    assert KeyPattern.parse("v:{{{id}}}", ["id"]).key((1,)) == b"v:{1}"


def test_preparing_needs_no_server():
    """Preparing is pure: nothing listens where this source points."""
    prepared = SOURCE.prepare_bound("doc:{id}", ["id"], "value")
    assert prepared.by_key
    assert SOURCE.describe(prepared) == {
        "source": "state",
        "command": "MGET",
        "keys": "doc:{id}",
        "kind": "value",
    }


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.tuples(VALUES, VALUES), st.tuples(VALUES, VALUES))
def test_different_entities_have_different_keys(one, other):
    """No two keys of an entity share a Redis key, and none leaves the pattern's shape."""
    pattern = KeyPattern.parse("n:{a}:{b}", ["a", "b"])
    assert (pattern.key(one) == pattern.key(other)) == (one == other)
    assert pattern.key(one).count(b":") == 2
