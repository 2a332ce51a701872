"""Entries: what was written is read back, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.entry import MAGIC, VERSION_BYTES, Entry, decode, encode

MOST = 1 << 20

texts = st.text(st.characters(codec="utf-8"), max_size=20)
entries = st.builds(
    Entry,
    value=st.none() | st.binary(max_size=3_000),
    created=st.integers(0, 1 << 42).map(lambda number: number / 1_000),
    fresh_for=st.integers(0, 1 << 31).map(lambda number: number / 1_000),
    stale_for=st.integers(0, 1 << 31).map(lambda number: number / 1_000),
    error_for=st.integers(0, 1 << 31).map(lambda number: number / 1_000),
    cost=st.integers(0, 1 << 20).map(lambda number: number / 1_000),
    versions=st.dictionaries(texts, st.binary(max_size=255), max_size=6),
    found=st.lists(texts, max_size=4).map(tuple),
)
keys = st.binary(min_size=20, max_size=20)
thresholds = st.sampled_from([0, 1, 100])


def same(one, other):
    """Equal in every field."""
    return all(getattr(one, name) == getattr(other, name) for name in Entry.__slots__)


def stored(key, entry, **options):
    """The entry's bytes as the store keeps them."""
    return encode(key, entry, **options) + bytes(VERSION_BYTES * len(entry.found))


@given(keys, entries, thresholds)
def test_what_was_written_is_read(key, entry, threshold):
    """All of it comes back, deflated or not."""
    read = decode(key, stored(key, entry, compress_above=threshold), most=MOST)
    assert read is not None
    assert same(read, entry)


@given(keys, keys, entries)
def test_an_entry_belongs_to_its_key(key, other, entry):
    """The same bytes under another key are foreign."""
    data = stored(key, entry)
    assert (decode(other, data, most=MOST) is not None) == (other == key)


@given(keys, entries, thresholds, st.data())
def test_a_changed_byte_is_no_entry(key, entry, threshold, data):
    """Whichever byte it is; but for the versions of tags found in it, which the store compares."""
    written = bytearray(stored(key, entry, compress_above=threshold))
    last = len(written) - VERSION_BYTES * len(entry.found) - 1
    place = data.draw(st.integers(0, last))
    written[place] ^= data.draw(st.integers(1, 255))
    assert decode(key, bytes(written), most=MOST) is None


@given(keys, entries, thresholds, st.data())
def test_a_shorter_or_longer_one_is_no_entry(key, entry, threshold, data):
    """Cut short anywhere, or with something behind it."""
    written = stored(key, entry, compress_above=threshold)
    cut = data.draw(st.integers(0, len(written) - 1))
    assert decode(key, written[:cut], most=MOST) is None
    assert decode(key, written + data.draw(st.binary(min_size=1, max_size=9)), most=MOST) is None


@given(keys, st.binary(max_size=200))
def test_anything_else_is_no_entry(key, data):
    """Noise, with or without our magic."""
    assert decode(key, data, most=MOST) is None
    assert decode(key, MAGIC + data, most=MOST) is None


def test_a_bomb_is_not_inflated():
    """A body that says it is larger than values may be is refused by its header."""
    key = b"k" * 20
    entry = Entry(b"0" * 500_000, 0.0, 1.0, 0.0, 0.0, 0.0, {})
    data = encode(key, entry, compress_above=1)
    assert len(data) < 3_000
    assert decode(key, data, most=400_000) is None
    assert decode(key, data, most=500_000) is not None
