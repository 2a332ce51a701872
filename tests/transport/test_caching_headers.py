"""What is said about caching: the values of the headers, and which conditions match."""

from __future__ import annotations

import pytest

from gateway.caching.policy import NEVER, Policy, merged
from gateway.execution.exchange import Freshness
from gateway.transport.caching_headers import (
    caching_headers,
    entity_tag,
    is_known,
    varying,
)

TAG = entity_tag(b'{"data":{}}', b"application/json")


@pytest.mark.parametrize(
    ("policy", "shared", "expected"),
    [
        (Policy(60.0), True, b"max-age=60, public"),
        (Policy(60.0), False, b"max-age=60, private"),
        (Policy(60.0, private=True), True, b"max-age=60, private"),
        (
            Policy(5.0, stale_while_revalidate=9.0, stale_if_error=7.0),
            True,
            b"max-age=5, public, stale-while-revalidate=9, stale-if-error=7",
        ),
        (NEVER, True, b"no-store"),
    ],
)
def test_how_long_and_for_whom(policy, shared, expected):
    """An answer that hangs on the viewer is never public, whatever was declared."""
    lines = dict(caching_headers(Freshness(policy, shared, 0.0), TAG, b"Accept"))
    assert lines == {b"cache-control": expected, b"etag": TAG, b"vary": b"Accept"}


def test_the_age_of_the_oldest_part():
    """Whole seconds, and only where something came from a cache."""
    lines = dict(caching_headers(Freshness(Policy(60.0), shared=True, age=12.9), TAG, b"Accept"))
    assert lines[b"age"] == b"12"


def test_the_shortest_part_counts_and_one_private_part_makes_all_private():
    """As with Apollo's `@cacheControl`."""
    parts = [Policy(60.0, tags=("a",)), Policy(5.0, private=True, tags=("b", "a"))]
    assert merged(parts) == Policy(5.0, private=True, tags=("a", "b"))
    assert not merged([*parts, NEVER]).cacheable


def test_tags_tell_bodies_and_media_types_apart():
    """A strong tag stands for the very bytes under one type."""
    assert entity_tag(b"a", b"x") == entity_tag(b"a", b"x")
    assert len({entity_tag(b"a", b"x"), entity_tag(b"b", b"x"), entity_tag(b"a", b"y")}) == 3


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        (None, False),
        (b"", False),
        (TAG, True),
        (b"W/" + TAG, True),
        (b'"other", W/' + TAG + b' , "more"', True),
        (b'"other"', False),
        (b"*", True),
        (TAG.strip(b'"'), False),
        (b'"x",' * 5_000 + TAG, False),
        (b"\xff\x00,,,", False),
    ],
)
def test_conditions(condition, known):
    """A list of tags, weak or strong; anything else matches nothing, and none is too long."""
    assert is_known(condition, TAG) is known


def test_vary_names_each_header_once():
    """Whatever way it was written in the settings; none of a trace, as every request has its own."""
    names = ["Accept", "authorization", "X-API-Key", "ACCEPT", "traceparent", "tracestate"]
    assert varying(names) == (b"Accept, Authorization, X-Api-Key")
