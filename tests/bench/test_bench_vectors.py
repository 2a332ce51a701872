"""Gateway and client are asked the same, over the same data, and the loop is really watched."""

import asyncio
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from graphql import parse

from bench import data, quality, report, vectors_data, vectors_report
from bench.database import ROOT
from bench.figures import Figure
from bench.replies import ReplyError
from bench.vectors import CONNECTIONS, LIMIT, WORKLOADS
from bench.vectors_client import prepared
from bench.vectors_figures import Lag, VectorRow
from bench.vectors_server import Probe
from bench.vectors_stage import check_hits
from resolvers.models import TrendCategory

FIGURE = Figure("V1", "plait", 60.0, 5.0, 12.0, 120.0, 0.2)
CALM = Lag(19.9, 3.0, 2.0, 100)


def row(gateway, client, lag=CALM):
    return VectorRow(
        WORKLOADS[0],
        replace(FIGURE, rps=gateway),
        replace(FIGURE, server="client", rps=client),
        lag,
    )


def test_the_promise_is_that_of_the_issue():
    """Filtered search with joined rows reaches 0.6 of the bare client."""
    assert {one.name: one.target for one in WORKLOADS} == {"V1": 0.6, "V2": None}
    assert row(60.0, 100.0).met is True
    assert row(59.0, 100.0).met is False
    assert vectors_data.POINTS == 100_000
    assert vectors_data.SIZE == 256


def test_both_sides_are_asked_the_same():
    """The same vectors, filters and number of hits, and no two alike that are under way together."""
    for workload in WORKLOADS:
        bodies, searches = workload.bodies(), workload.searches()
        assert len(set(bodies)) == len(searches) >= CONNECTIONS
        for body, search in zip(bodies, searches, strict=True):
            asked = json.loads(body)
            parse(asked["query"])
            variables = asked["variables"]
            call = prepared("trends", search)
            assert f"limit: {LIMIT}" in asked["query"]
            assert call["limit"] == LIMIT
            assert call["query"] == variables["vector"]
            if workload.filtered:
                category, score = call["query_filter"].must
                assert TrendCategory[variables["category"]].value == category.match.value
                assert variables["least"] == score.range.gte
            else:
                assert call["query_filter"] is None


def test_vectors_are_the_same_in_part_and_in_whole():
    """A point's vector hangs on its number alone, has length 1, and lies near its topic's others."""
    whole = vectors_data.vectors(1, 5)
    assert np.array_equal(whole[2:4], vectors_data.vectors(3, 2))
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    friend = vectors_data.vectors(1 + data.TOPICS, 1)[0]
    assert whole[0] @ friend > 0.3 > abs(whole[1] @ friend)


def test_every_search_has_as_many_hits_as_it_asks_for():
    """A category over a score leaves far more than 50 of 100,000 points."""
    for search in WORKLOADS[0].searches():
        left = sum(
            vectors_data.category_of(trend) == search["category"]
            and vectors_data.score_of(trend) >= search["least"]
            for trend in range(1, 20_001)
        )
        assert left > LIMIT


def test_rows_and_payloads_tell_the_same():
    """What a filter on the payload finds is what a filter on the row would find."""
    columns = data.COLUMNS["trends"]
    for values in vectors_data.trends(30):
        trend = dict(zip(columns, values, strict=True))
        payload = vectors_data.payload(trend["id"])
        assert payload["category"] == trend["category"]
        assert payload["state"] == trend["state"]
        assert payload["score"] == trend["score"]
        assert payload["topicId"] == trend["topic_id"]


@pytest.mark.parametrize(
    "hits",
    [
        [{"id": "2", "trend": {"id": "2", "topic": {"id": "3"}}}],
        [{"id": "1", "trend": None}],
        [{"id": "1", "trend": {"id": "1", "topic": {"id": "9"}}}],
        [],
        None,
    ],
)
def test_other_points_or_other_rows_are_refused(hits):
    """A fast answer that is the wrong one gives no figure."""
    right = [{"id": "1", "trend": {"id": "1", "topic": {"id": "2"}}}]
    check_hits({"data": {"searchTrends": right}}, [1])
    with pytest.raises(ReplyError):
        check_hits({"data": {"searchTrends": hits}}, [1])


async def test_the_probe_sees_a_block_and_tells_waiting_from_work():
    """A loop that sleeps 50 ms is late by nearly that, and has not worked as long."""
    probe = Probe()
    async with probe.running():
        while not probe.take()["ticks"]:  # noqa: ASYNC110 - the probe has no event to wait for
            await asyncio.sleep(0)
        time.sleep(0.05)  # noqa: ASYNC251 - the block that is to be seen
        while (seen := probe.take())["longest_ms"] < 40:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0)
    assert 0 <= seen["busiest_ms"] < seen["longest_ms"]
    assert seen["p99_ms"] <= seen["longest_ms"]


def test_the_longest_block_of_any_round_decides():
    """20 ms are too long, however rarely."""
    worst = Lag.worst([CALM, Lag(20.0, 1.0, 5.0, 50)])
    assert worst == Lag(20.0, 3.0, 5.0, 150)
    assert "missed" in vectors_report.notes([row(100.0, 100.0, worst)])[0]
    assert "met" in vectors_report.notes([row(100.0, 100.0)])[0]


def test_figures_are_recorded_with_the_keys_of_the_others():
    """Beside them the gateway's have how late its loop was."""
    gateway, client = vectors_report.records([row(60.0, 100.0)])
    assert set(client) == {"workload", "server", "rps", "p50_ms", "p99_ms", "rss_mb"}
    assert set(gateway) - set(client) == {"lag_ms", "lag_p99_ms", "lag_busy_ms"}
    assert "| V1 | 60 | 100 | 0.60 | ≥ 0.6 | met |" in vectors_report.markdown([row(60.0, 100.0)])


@pytest.mark.parametrize("part", [vectors_report, quality])
def test_the_document_has_a_place_for_what_comes_out(part):
    """A full run ends with its figures on the page, not with an error."""
    document = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    written = report.insert(document, "the figures", part.BEGIN, part.END)
    assert f"{part.BEGIN}\n\nthe figures\n\n{part.END}" in written
    assert written.count("the figures\n\n<!--") == 1
