"""A dense and a sparse ranking, fused, among rows: ranks are those among the rows alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gallery import OWNER, Gallery, cosine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import models as m

from gateway.execution.vector_search.tactics import Tactics, Way
from gateway.schema.vectors.write_types import Distance
from gateway.sources.qdrant.requests.changes import CreateCollection
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Sequence

QUERY = """
    query (
      $vector: [Float!]!, $sparse: SparseVector!, $where: PaintingWhere, $fusion: SparseFusion
      $limit: Int!, $offset: Int!
    ) {
      searchEtched(
        vector: $vector, sparse: $sparse, where: $where, fusion: $fusion
        limit: $limit, offset: $offset
      ) { score payload painting { id } }
    }
"""
SEEN = {"anonymous": ANONYMOUS, "olga": OWNER}
TERMS = 6

Vectors = tuple[np.ndarray[Any, Any], dict[int, float]]


class Etched(dict[int, Vectors]):
    """Two vectors of paintings by key; not written out where a test fails."""

    def __repr__(self) -> str:
        return f"{len(self)} paintings"


def drawn(seed: int) -> Vectors:
    """A dense vector, and a sparse one."""
    chance = random.Random(seed)  # noqa: S311 - test data
    terms = chance.sample(range(TERMS), chance.randint(1, 3))
    dense = np.array([chance.uniform(-1, 1) for _ in range(4)], dtype=np.float32)
    return dense, {term: chance.uniform(0.5, 2) for term in terms}


def sparse_vector(terms: dict[int, float]) -> m.SparseVector:
    return m.SparseVector(indices=list(terms), values=list(terms.values()))


@pytest.fixture(scope="module")
async def etched(gallery: Gallery) -> Etched:
    """Stores two vectors of most paintings; gives them by key."""
    vectors = Etched({key: drawn(key) for key in gallery.stock.paintings if key % 7})
    administration = gallery.qdrant.administration
    await administration.delete_collection("etched")
    wanted = CreateCollection("etched", {"": (4, Distance.COSINE)}, ("terms",))
    await administration.create(wanted)
    points = [
        m.PointStruct(
            id=key,
            vector={"": dense.tolist(), "terms": sparse_vector(terms)},
            payload={"number": key},
        )
        for key, (dense, terms) in vectors.items()
    ]
    await gallery.qdrant._session()._wire.client.upsert("etched", points, wait=True)
    return vectors


def shares(ranked: Sequence[int], weight: float, k: int, depth: int) -> dict[int, float]:
    return {key: 1 / (k + rank / weight) for rank, key in enumerate(ranked[:depth], 1)}


@pytest.mark.usefixtures("any_way")
@given(
    seed=st.integers(1_000, 1_100),
    style=st.sampled_from([None, "oil", "ink"]),
    viewer=st.sampled_from(sorted(SEEN)),
    weight=st.sampled_from([1.0, 0.5]),
    candidates=st.sampled_from([5, 100]),
    window=st.tuples(st.integers(0, 4), st.integers(1, 6)),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_fused_among_rows(  # noqa: PLR0913, PLR0917 - each is drawn
    gallery: Gallery,
    etched: Etched,
    seed: int,
    style: str | None,
    viewer: str,
    weight: float,
    candidates: int,
    window: tuple[int, int],
) -> None:
    """Whichever way it goes, in the window asked for, with what is stored with the points."""
    dense, terms = drawn(seed)
    rows = gallery.stock.visible(SEEN[viewer])
    keys = [row["id"] for row in rows if style in {None, row["style"]} and row["id"] in etched]
    near = {key: cosine(etched[key][0], dense) for key in keys}
    alike = {
        key: sum(value * etched[key][1].get(term, 0) for term, value in terms.items())
        for key in keys
        if set(terms) & set(etched[key][1])
    }
    offset, limit = window
    depth = max(candidates, offset + limit)
    parts = [
        shares(sorted(scores, key=lambda key: -scores[key]), one, 60, depth)
        for scores, one in ((near, 1.0), (alike, weight))
    ]
    scores = {key: sum(part.get(key, 0) for part in parts) for key in parts[0] | parts[1]}
    variables = {
        "vector": dense.tolist(),
        "sparse": {"indices": [str(term) for term in terms], "values": list(terms.values())},
        "where": style and {"style": {"eq": style}},
        "fusion": {"sparse": weight, "candidates": candidates},
        "limit": limit,
        "offset": offset,
    }
    data = await gallery.data(QUERY, variables, viewer=SEEN[viewer])
    hits = data["searchEtched"]
    best = sorted(scores.values(), reverse=True)[offset : offset + limit]
    assert [hit["score"] for hit in hits] == pytest.approx(best, rel=1e-4)
    for hit in hits:
        key = int(hit["painting"]["id"])
        assert hit["score"] == pytest.approx(scores[key], rel=1e-4)
        assert hit["payload"] == {"number": key}


async def test_rows_that_fit_are_one_engine_call(gallery: Gallery, etched: Any) -> None:
    """Few rows: their keys, and one fused query among them."""
    del etched
    gallery.engine.tactics = Tactics(forced=Way.ROWS_FIRST)
    gallery.qdrant.asked.clear()
    dense, terms = drawn(1)
    variables = {
        "vector": dense.tolist(),
        "sparse": {"indices": [str(term) for term in terms], "values": list(terms.values())},
        "where": {"style": {"eq": "oil"}},
        "limit": 3,
        "offset": 0,
    }
    assert len((await gallery.data(QUERY, variables))["searchEtched"]) == 3
    assert len(gallery.qdrant.asked) == 1
