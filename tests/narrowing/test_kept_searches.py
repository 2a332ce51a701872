"""Searches that rows take part in, out of the cache: the same answers, as long as the rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from gallery import OWNER, Gallery, opened, vector_of

from gateway.caching.assembly import Options, make_cache
from gateway.errors import SourceUnavailable
from gateway.execution.cache.resolver_cache import ResolverCache
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

PAUL = Viewer(subject="paul")
CURATOR = Viewer(subject="cora", roles=frozenset({"admin"}))
UPSERT = """mutation ($in: String!, $points: [PointInput!]!) {
  upsertPoints(collection: $in, points: $points) { count } }"""
FAR = {"id": "9999", "vector": vector_of(9), "payload": {}}
PRINT = {"id": "00000000-0000-0000-0000-000000009999", "vector": vector_of(9), "payload": {}}
NARROWED = """query ($v: [Float!], $w: PaintingWhere) {
  searchPaintings(vector: $v, where: $w, limit: 9) { id score }
}"""
HYBRID = """query ($f: FusionWeights) {
  searchPaintings(text: "sea storm", mode: HYBRID, weights: $f, limit: 9) { id score }
}"""
NEAR = """query ($v: [Float!]) {
  paintings(near: {vector: $v, limit: 7}, where: {style: {eq: "ink"}}) { nodes { id title } }
}"""
SIMILAR = """{ paintings(first: 3, orderBy: {id: ASC}, where: {id: {gt: 9}}) {
  nodes { id similar(first: 4, where: {style: {eq: "oil"}}) { id score } } } }"""
OIL = {"style": {"eq": "oil"}}


@pytest.fixture
async def gallery(fresh_database: FreshDatabase, qdrant_endpoint: str) -> AsyncIterator[Gallery]:
    """A gallery whose answers are kept in this process."""
    async with opened(fresh_database, qdrant_endpoint, 60) as running:
        engine = running.engine
        cache = make_cache(Options(early_refresh=0.0), None, node="gallery")
        kept = ResolverCache(cache, engine.api, engine.groups, engine.describe, [])
        engine.cached = kept.reads
        await kept.open()
        yield running
        await kept.close()


async def asked(gallery: Gallery, document: str, viewer: Viewer = OWNER, **values: Any) -> Any:
    """The data of an answer, and how often the sources were asked for it."""
    gallery.postgres.ran.clear()
    gallery.qdrant.asked.clear()
    data = await gallery.data(document, values, viewer=viewer)
    return data, (len(gallery.postgres.ran), len(gallery.qdrant.asked))


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "narrowed": (NARROWED, {"v": vector_of(1), "w": OIL}),
    "by the row rule alone": (NARROWED, {"v": vector_of(2)}),
    "fused with words": (HYBRID, {}),
    "a list by meaning": (NEAR, {"v": vector_of(4)}),
    "neighbours": (SIMILAR, {}),
}


@pytest.mark.parametrize("case", CASES)
async def test_asked_again_no_source_is(gallery: Gallery, case: str) -> None:
    """The answer is the first one's to the byte, until a row of the table changes."""
    document, values = CASES[case]
    first, calls = await asked(gallery, document, **values)
    assert min(calls) > 0
    assert await asked(gallery, document, **values) == (first, (0, 0))
    assert gallery.engine.cached is not None
    await gallery.engine.cached.cache.invalidate(["Painting[]"])
    again, calls = await asked(gallery, document, **values)
    assert again == first
    assert min(calls) > 0


@pytest.mark.parametrize("case", CASES)
async def test_points_that_were_written_end_it(gallery: Gallery, case: str) -> None:
    """A mutation is answered when nobody finds what was there before it; other collections stay."""
    document, values = CASES[case]
    await asked(gallery, document, **values)
    await gallery.data(UPSERT, {"in": "prints", "points": [PRINT]}, viewer=CURATOR)
    assert (await asked(gallery, document, **values))[1] == (0, 0)
    await gallery.data(UPSERT, {"in": "paintings", "points": [FAR]}, viewer=CURATOR)
    assert min((await asked(gallery, document, **values))[1]) > 0


async def test_whatever_an_answer_hangs_on_is_in_its_key(gallery: Gallery) -> None:
    """Another vector, value, operator, window, fusion or selection is another answer."""
    v, w = vector_of(1), OIL
    variants: list[tuple[str, dict[str, Any]]] = [
        (NARROWED, {"v": v, "w": w}),
        (NARROWED, {"v": vector_of(2), "w": w}),
        (NARROWED, {"v": v, "w": {"style": {"eq": "ink"}}}),
        (NARROWED, {"v": v, "w": {"style": {"ne": "oil"}}}),
        (NARROWED, {"v": v, "w": {"artist": {"country": {"eq": "IT"}}}}),
        (NARROWED.replace("limit: 9", "limit: 3"), {"v": v, "w": w}),
        (NARROWED.replace("score", "rank: vectorRank"), {"v": v, "w": w}),
        (NARROWED.replace("score", "rank: textRank"), {"v": v, "w": w}),
        (HYBRID, {}),
        (HYBRID, {"f": {"vector": 0.1}}),
        (HYBRID.replace("HYBRID", "TEXT"), {}),
    ]
    found = []
    for document, values in variants:
        data, calls = await asked(gallery, document, **values)
        assert max(calls) > 0, (document, values)
        found.append(data)
    for (document, values), data in zip(variants, found, strict=True):
        assert await asked(gallery, document, **values) == (data, (0, 0))


async def test_nobody_finds_what_another_may_see(gallery: Gallery) -> None:
    """What the row rule takes of the viewer is part of the key."""
    document = NARROWED.replace("limit: 9", "limit: 99")
    for viewer in (OWNER, PAUL):
        data, calls = await asked(gallery, document, viewer, v=vector_of(5))
        assert max(calls) > 0
        visible = {row["id"] for row in gallery.stock.visible(viewer)}
        assert {int(hit["id"]) for hit in data["searchPaintings"]} <= visible


async def test_rows_that_only_the_condition_reads_count_too(gallery: Gallery) -> None:
    """An artist who moved is found where he is, though no hit shows him."""
    values: dict[str, Any] = {"v": vector_of(6), "w": {"artist": {"country": {"eq": "IT"}}}}
    first, _ = await asked(gallery, NARROWED, **values)
    assert first["searchPaintings"]
    connection = await asyncpg.connect(gallery.url)
    try:
        await connection.execute("UPDATE artists SET country = 'FR' WHERE country = 'IT'")
    finally:
        await connection.close()
    assert (await asked(gallery, NARROWED, **values))[0] == first
    assert gallery.engine.cached is not None
    await gallery.engine.cached.cache.invalidate(["Artist:1", "Artist[]"])
    assert (await asked(gallery, NARROWED, **values))[0] == {"searchPaintings": []}


@pytest.mark.parametrize("broken", ["postgres", "qdrant"])
async def test_failures_are_not_kept(gallery: Gallery, broken: str) -> None:
    """Whichever source fails, the next one who asks has the answer."""
    source: Any = getattr(gallery, broken)
    source.failing = SourceUnavailable(f"{broken} cannot be reached")
    await gallery.error(NARROWED, v=vector_of(7), w=OIL)
    source.failing = None
    data, _ = await asked(gallery, NARROWED, v=vector_of(7), w=OIL)
    assert data["searchPaintings"]
