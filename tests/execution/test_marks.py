"""Marks in answers: taken out to the byte, and made tags."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.answers import Loaded
from gateway.caching.tags import MAX_TAG_BYTES, of_row
from gateway.execution.cache.marks import MOST_FOUND, unmarked

texts = st.text(st.sampled_from('x,"~0:7}]\\é{['), max_size=12)
scalars = st.integers(-9, 1 << 62) | st.booleans() | texts
keys = st.none() | scalars | st.lists(st.none() | scalars, min_size=2, max_size=3)
TYPES = ["A", "B", None]


def spaced(value):
    """As PostgreSQL writes an array of values."""
    if isinstance(value, list):
        return b"[" + b", ".join(map(orjson.dumps, value)) + b"]"
    return orjson.dumps(value)


@given(st.lists(st.tuples(texts, st.integers(0, 2), keys), max_size=6))
def test_an_answer_is_as_without_marks(rows):
    """Whatever stands in its texts and keys; and its tags are those of all keys without nulls."""
    marked, plain, tags = [], [], []
    for text, place, key in rows:
        member = b'{"a":' + orjson.dumps(text)
        mark = b',"~%d":' % place + spaced(key)
        marked.append(member + mark + b',"b":1}')
        plain.append(member + b',"b":1}')
        parts = key if isinstance(key, list) else [key]
        if TYPES[place] is not None and None not in parts:
            tags.append(of_row(TYPES[place], parts))
    found = unmarked(b"[" + b",".join(marked) + b"]", TYPES)
    value = found.value if isinstance(found, Loaded) else found
    assert value == b"[" + b",".join(plain) + b"]"
    assert set(found.tags if isinstance(found, Loaded) else ()) == set(tags)


@pytest.mark.parametrize("answer", [None, b"null", b'{"a":1,"~name":2}', b'{"a":"\\",\\"~0\\":1"}'])
def test_what_has_no_marks_stays(answer):
    """What resolvers need is no mark, nor is anything in a text."""
    found = unmarked(answer, TYPES)
    assert (found.value if isinstance(found, Loaded) else found) == answer
    assert not isinstance(found, Loaded) or not found.tags


def test_of_too_many_rows_it_is_their_types():
    """And of a key that is too long."""
    many = b"".join(b',"~0":%d' % number for number in range(MOST_FOUND + 1))
    assert unmarked(b'{"a":1' + many + b',"~1":1}', TYPES) == Loaded(b'{"a":1}', ("A[]", "B[]"))
    few = b"".join(b',"~0":"%b%d"' % (b"x" * 400, number) for number in range(30))
    assert unmarked(b'{"a":1' + few + b"}", TYPES) == Loaded(b'{"a":1}', ("A[]",))
    long = orjson.dumps("x" * MAX_TAG_BYTES)
    assert unmarked(b'{"a":1,"~0":' + long + b"}", TYPES) == Loaded(b'{"a":1}', ("A[]",))
