"""Traces: the spans a collector gets of a request, what they belong to, and what is not in them."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from telemetry.collector import collecting
from telemetry.shelf import ask, served

from gateway.errors import SourceConflict
from gateway.execution.metered import WatchedWriter
from gateway.sources.http import HttpService, Outgoing
from gateway.telemetry.propagation import trace_headers

DOCUMENT = "query Shelf($n: Int) { books(first: $n) { nodes { title views } } }"
ROOT = Path(__file__).parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
async def collector():
    async with collecting() as one:
        yield one


def traced(collector, **more):
    return {"PLAIT_TELEMETRY_TRACES": collector.url, "PLAIT_TELEMETRY_SERVICE": "shelf", **more}


def attributes(span):
    return {one.key: one.value for one in span.attributes}


async def test_a_request_is_a_tree_of_spans(collector, fresh_database, redis_url):
    """request → document, plan, a fetch for each source; all of the caller's trace."""
    database = await fresh_database()
    async with served(database, redis_url, **traced(collector)) as client:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        body = {"query": DOCUMENT, "variables": {"n": 7}}
        assert (await client.post("/graphql", json=body, headers=headers)).status_code == 200
    assert collector.services == {"shelf"}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    request = collector.one("query")
    assert request.parent_span_id.hex() == PARENT
    for name in ("document", "plan", "compile", "SELECT books", "redis"):
        assert collector.one(name).parent_span_id == request.span_id
    told = attributes(request)
    assert told["graphql.operation.name"].string_value == "Shelf"
    assert told["graphql.operation.type"].string_value == "query"
    digest = hashlib.sha256(DOCUMENT.encode()).hexdigest()
    assert told["plait.document.sha256"].string_value == digest
    select = attributes(collector.one("SELECT books"))
    assert select["db.query.summary"].string_value == "SELECT books"
    assert select["db.collection.name"].string_value == "books"
    assert select["db.system.name"].string_value == "postgresql"
    assert select["plait.source"].string_value == "postgres"
    port = select["server.port"].int_value
    assert (select["server.address"].string_value, port) == ("127.0.0.1", urlsplit(database).port)
    assert select["db.namespace"].string_value == urlsplit(database).path[1:]
    fetch = collector.one("redis")
    assert attributes(fetch)["server.port"].int_value == urlsplit(redis_url).port
    assert attributes(fetch)["db.namespace"].string_value == urlsplit(redis_url).path[1:]
    assert attributes(fetch)["plait.keys"].int_value == 7
    assert attributes(fetch)["db.system.name"].string_value == "redis"
    assert (request.kind, fetch.kind) == (request.SPAN_KIND_SERVER, request.SPAN_KIND_CLIENT)


async def test_writes_are_spans_too(collector, fresh_database):
    """A transaction from its begin to its end, within the request; its failure by code alone."""
    async with served(await fresh_database(), **traced(collector)) as client:
        await ask(client, 'mutation Good { addBook(input: {title: "sesame"}) { title } }')
        await ask(client, 'mutation Bad { addBook(input: {title: "x", shelfId: 99}) { id } }')
    good, bad = [span for span in collector.spans if span.name == "write postgres"]
    first = next(span for span in collector.spans if span.name == "mutation")
    assert attributes(first)["graphql.operation.name"].string_value == "Good"
    assert good.parent_span_id == first.span_id
    assert attributes(good)["plait.write"].string_value == "transaction"
    assert bad.status.message == "CONSTRAINT_VIOLATION"
    assert good.status.message == ""
    assert b"sesame" not in good.SerializeToString()


async def test_a_failure_is_told_by_its_code_alone(collector, fresh_database):
    """No document, variable or text of an exception leaves with a span."""
    async with served(await fresh_database(), **traced(collector)) as client:
        query = "query Q($t: String!) { crash books(where: {title: {eq: $t}}) { nodes { id } } }"
        await ask(client, query, variables={"t": "sesame"})
        await ask(client, "{ nothing }")
    spans = {span.name: span for span in collector.spans}
    assert spans["query"].status.message == "INTERNAL_SERVER_ERROR"
    assert spans["GraphQL Operation"].status.message == "GRAPHQL_VALIDATION_FAILED"
    everything = b"".join(span.SerializeToString() for span in collector.spans)
    for secret in (b"hunter2", b"sesame", b"where", b"nothing"):
        assert secret not in everything


@pytest.mark.parametrize(("flags", "spans"), [("01", True), ("00", False)])
async def test_the_caller_decides_what_is_traced(collector, fresh_database, flags, *, spans):
    """Its flag counts, whatever the ratio says; with a ratio of 0 nothing else is traced."""
    ratio = {"PLAIT_TELEMETRY_TRACES_RATIO": "0"}
    async with served(await fresh_database(), **traced(collector, **ratio)) as client:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
        await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
        await ask(client, "{ hello }")
    assert bool(collector.spans) is spans
    assert len({span.trace_id for span in collector.spans}) == int(spans)


@pytest.mark.parametrize("value", ["", "00-zz-1-01", "x" * 5_000, "00-" + "0" * 32 + "-1-01"])
async def test_what_is_no_trace_counts_as_none(collector, fresh_database, value):
    """A malformed header begins a trace of our own."""
    async with served(await fresh_database(), **traced(collector)) as client:
        body = {"query": "{ hello }"}
        answer = await client.post("/graphql", json=body, headers={"traceparent": value})
        assert answer.status_code == 200
    assert collector.one("query").parent_span_id == b""


async def test_a_fetch_that_waited_belongs_to_its_own_request(collector, fresh_database):
    """Calls that wait for a turn run in the trace of who waited, not of who made room."""
    database = await fresh_database()
    async with served(database, **traced(collector, POSTGRES_POOL_SIZE="1")) as client:
        queries = [f"{{ book(id: {n}) {{ title shelf {{ name }} }} }}" for n in range(1, 9)]
        await asyncio.gather(*(ask(client, query) for query in queries))
    requests = {span.span_id for span in collector.spans if span.name == "query"}
    fetches = [span for span in collector.spans if span.name.startswith("SELECT")]
    assert len(requests) == len(fetches) == 8
    assert {span.parent_span_id for span in fetches} == requests


async def test_a_collector_that_is_away_costs_no_answer(fresh_database):
    """Requests are answered, and the gateway shuts down."""
    away = {"PLAIT_TELEMETRY_TRACES": "http://127.0.0.1:1/v1/traces"}
    async with served(await fresh_database(), **away) as client:
        assert await ask(client, "{ hello }") == {"data": {"hello": "hello"}}


async def test_services_we_call_learn_of_the_trace(collector):
    """Within a fetch every HTTP request carries a traceparent; outside there is none."""
    from gateway.telemetry.tracing import Tracing  # noqa: PLC0415 - an extra

    tracing = Tracing(collector.url, service="shelf", ratio=1.0)
    service = HttpService("echo", collector.url)
    await service.open()
    try:
        deadline = asyncio.get_running_loop().time() + 10
        await service.send(Outgoing("GET"), deadline)
        assert "traceparent" not in collector.heads[-1]

        async def fetch():
            with tracing.request() as request, tracing.call("echo", {}):
                await service.send(Outgoing("GET"), deadline)
                return f"{request.get_span_context().trace_id:032x}"

        trace = await asyncio.create_task(fetch())
        assert f"traceparent: 00-{trace}-" in collector.heads[-1]
        assert not trace_headers()
    finally:
        await service.close()
        await asyncio.to_thread(tracing.close)


async def test_every_verb_of_a_writer_is_a_write(collector):
    """What is awaited, or entered and left, is a span that services learn of; what is neither is not."""
    from gateway.telemetry.tracing import Tracing  # noqa: PLC0415 - an extra

    class Pen:
        name = "pen"
        inks = 3

        def mix(self, ink):
            return ink * 2

        async def write(self, word):
            return word, bool(trace_headers())

        @asynccontextmanager
        async def session(self):
            yield self

    tracing = Tracing(collector.url, service="shelf", ratio=1.0)
    pen = WatchedWriter(Pen(), lambda verb: tracing.call("pen", {"plait.write": verb}, "write"))
    try:
        with tracing.request():
            assert (pen.inks, pen.mix(2)) == (3, 4)
            assert await pen.write("sesame") == ("sesame", True)
            with pytest.raises(SourceConflict):
                async with pen.session():
                    raise SourceConflict("serialization")
    finally:
        await asyncio.to_thread(tracing.close)
    write, session = [span for span in collector.spans if span.name == "write pen"]
    assert attributes(write)["plait.write"].string_value == "write"
    assert (session.status.message, write.status.message) == ("SOURCE_ERROR", "")
    assert attributes(session)["error.type"].string_value == "SOURCE_ERROR"
    assert len(collector.spans) == 3


def test_without_traces_nothing_of_it_is_loaded():
    """Neither OpenTelemetry nor Prometheus's client, in a process that asked for neither."""
    code = (
        "import sys; from gateway.observing import Observation; from gateway.settings import load;"
        "Observation(load(environ={}));"
        "assert not {'opentelemetry', 'prometheus_client'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT)
