"""The points a search is narrowed to, as bytes: what the client's own conversion would send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import grpc as pb
from qdrant_client import models
from qdrant_client.conversions.conversion import RestToGrpc

from gateway.sources.qdrant.reads.narrowing import Among
from gateway.sources.qdrant.wire.queries import narrowed

numbers = st.integers(0, 2**64 - 1) | st.sampled_from([0, 127, 128, 2**14, 2**63 - 1, 2**63])
texts = st.uuids().map(str)


@given(st.lists(numbers | texts, max_size=40))
def test_ids_are_what_the_client_writes(ids: list[int | str]) -> None:
    """Every id once, numbers and UUIDs, whatever their size; no id at all lets no point through."""
    (condition,) = narrowed(None, Among(tuple(ids))).must
    expected = pb.HasIdCondition(has_id=[RestToGrpc.convert_extended_point_id(one) for one in ids])
    found = sorted(condition.has_id.has_id, key=lambda one: one.SerializeToString())
    assert found == sorted(expected.has_id, key=lambda one: one.SerializeToString())
    assert condition.WhichOneof("condition_one_of") == "has_id"


def test_ten_thousand_ids_are_all_there() -> None:
    """As many as one portion of rows."""
    ids = tuple(range(5, 10_000 * 37, 37))
    (condition,) = narrowed(None, Among(ids)).must
    assert {one.num for one in condition.has_id.has_id} == set(ids)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5), max_size=9))
def test_keys_in_the_payload(keys: list[int | str]) -> None:
    """Points that hold one of the keys, or have one of the ids."""
    (found,) = narrowed(None, Among((7,), "row", tuple(keys))).must
    by_type = [[key for key in keys if isinstance(key, kind)] for kind in (int, str)]
    held = [
        models.FieldCondition(key="row", match=models.MatchAny(any=some))
        for some in by_type
        if some
    ]
    expected = RestToGrpc.convert_filter(
        models.Filter(should=[models.HasIdCondition(has_id=[7]), *held])
    )
    assert (found.filter if keys else pb.Filter(should=[found])) == expected


def test_the_clients_own_filter_holds_too() -> None:
    """Both must be met."""
    match = models.FieldCondition(key="x", match=models.MatchValue(value=1))
    wanted = models.Filter(must=[match])
    found = narrowed(RestToGrpc.convert_filter(wanted), Among((1,)))
    assert found.must[0].filter == RestToGrpc.convert_filter(wanted)
    assert [one.num for one in found.must[1].has_id.has_id] == [1]
