"""What `/metrics` tells: what was asked and done, in names that do not change, and nothing else."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from telemetry.shelf import ask, served

from gateway.observing import Observation
from gateway.settings import Settings
from gateway.telemetry.counters import Histogram, Traffic
from gateway.transport.timing import timed

DOCUMENT = Path(__file__).parents[2] / "docs/observability.md"
ON = {"PLAIT_TELEMETRY_METRICS": "true"}
HOLES = "{ books(first: 9) { nodes { title views } } }"


@pytest.fixture
async def client(fresh_database, redis_url):
    async with served(await fresh_database(), redis_url, **ON) as client:
        yield client


async def figures(client):
    """Every sample, by its name and its labels' values; that of a bucket's bound is the last."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels, key=_le_last))): (
            sample.value
        )
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def _le_last(name):
    return (name == "le", name)


async def test_requests_are_counted_by_operation_and_status(client):
    """Each by what it was and how it ended, its time in a histogram, its errors by code."""
    for _ in range(3):
        await ask(client, HOLES)
    await ask(client, 'mutation { addBook(input: {title: "new"}) { id } }')
    await ask(client, "{ hello crash }")
    await ask(client, "{ nothing }")
    found = await figures(client)
    assert found["plait_requests_total", "query", "ok"] == 3
    assert found["plait_requests_total", "mutation", "ok"] == 1
    assert found["plait_requests_total", "query", "partial"] == 1
    assert found["plait_requests_total", "unknown", "refused"] == 1
    assert found["plait_errors_total", "INTERNAL_SERVER_ERROR"] == 1
    assert found["plait_errors_total", "GRAPHQL_VALIDATION_FAILED"] == 1
    assert found["plait_request_seconds_count", "query"] == 4
    assert found["plait_request_seconds_bucket", "query", "+Inf"] == 4
    assert found["plait_requests_in_flight",] == 0
    assert found["plait_documents",] == 3
    assert found["plait_documents_checked_total",] == 4


async def test_names_and_rates_are_counted(fresh_database, redis_url):
    """Documents asked for by name by what became of it, and the requests beyond a client's rate."""
    limits = {"PLAIT_RATE_LIMIT_REQUESTS": "2", "PLAIT_RATE_LIMIT_SECONDS": "3000"}
    limits |= {"PLAIT_RATE_LIMIT_CLIENT_HEADER": "X-Client"}
    unknown = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    headers = {"X-Client": f"192.0.2.{secrets.randbelow(250)}"}
    async with served(await fresh_database(), redis_url, **ON, **limits) as client:
        for _ in range(3):
            await client.post("/graphql", json=unknown, headers=headers)
        found = await figures(client)
    assert found["plait_named_documents_total", "misses"] == 2
    assert found["plait_named_documents_total", "hits"] == 0
    assert found["plait_rate_limited_total",] == 1
    assert found["plait_rate_uncounted_total",] == 0


async def test_sources_are_counted(client):
    """Reads with their keys, writes, failures, pools and breakers."""
    await ask(client, HOLES)
    await ask(client, 'mutation { addBook(input: {title: "new"}) { id } }')
    wrong = await ask(client, 'mutation { addBook(input: {title: "x", shelfId: 99}) { id } }')
    assert wrong["errors"]
    found = await figures(client)
    assert found["plait_source_read_seconds_count", "postgres"] >= 1
    assert found["plait_source_read_seconds_count", "redis"] == 1
    assert found["plait_group_keys_bucket", "redis", "8.0"] == 0
    assert found["plait_group_keys_bucket", "redis", "16.0"] == 1
    assert found["plait_group_keys_sum", "redis"] == 9
    assert found["plait_source_write_seconds_count", "postgres"] == 2
    assert found["plait_source_failures_total", "CONSTRAINT_VIOLATION", "postgres"] == 1
    assert found["plait_source_size", "postgres"] == 3
    assert found["plait_source_breaker_open", "redis"] == 0
    assert found["plait_group_sent_total", "redis"] == 1


async def test_http_requests_are_timed(client):
    """As OpenTelemetry's conventions name and bound it; what a client makes up is one label."""
    await ask(client, "{ hello }")
    await ask(client, "{ hello }")
    await client.get("/health/live")
    await client.get("/made-up")
    await client.request("BREW", "/graphql")
    response = await client.get("/metrics")
    (family,) = [
        one
        for one in text_string_to_metric_families(response.text)
        if one.name == "http_server_request_duration_seconds"
    ]
    names = ("http_request_method", "http_route", "http_response_status_code", "error_type")
    counted = {
        tuple(sample.labels[name] for name in names): sample.value
        for sample in family.samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("POST", "/graphql", "200", ""): 2,
        ("GET", "/health/live", "200", ""): 1,
        ("GET", "", "404", ""): 1,
        ("_OTHER", "/graphql", "405", ""): 1,
    }
    assert {sample.labels["url_scheme"] for sample in family.samples} == {"http"}
    bounds = [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
    advised = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 +Inf"
    assert bounds[:15] == advised.split()


async def test_a_fault_is_timed_as_one():
    """What ends without a response is one of status 500; a WebSocket is no request."""

    async def broken(scope, _receive, _send):
        if scope["type"] == "http":
            raise RuntimeError

    traffic = Traffic()
    site = timed(broken, traffic, {"/graphql"})
    scope = {"type": "http", "method": "GET", "path": "/graphql", "scheme": "https"}
    with pytest.raises(RuntimeError):
        await site(scope, never, never)
    await site({"type": "websocket"}, never, never)
    (family,) = [one for one in traffic.families() if one.name.startswith("http_")]
    ((labels, histogram),) = family.samples
    assert (labels["http_response_status_code"], labels["error_type"]) == ("500", "500")
    assert sum(histogram.counts) == 1


async def never():
    """A body of which nothing comes."""
    await asyncio.Event().wait()
    yield b""


JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
AWAY = {"sec-fetch-site": "cross-site"}
REFUSED = {
    "METHOD_NOT_ALLOWED": {"method": "PUT"},
    "UNSUPPORTED_MEDIA_TYPE": {"content": b"query={hello}", "headers": FORM},
    "NOT_ACCEPTABLE": {"json": {"query": "{hello}"}, "headers": {"accept": "text/html"}},
    "PAYLOAD_TOO_LARGE": {"content": b" " * (2 << 20), "headers": JSON},
    "REQUEST_TIMEOUT": {"content": never, "headers": JSON},
    "BAD_REQUEST": {"content": b"null", "headers": JSON},
    "CSRF_REFUSED": {"method": "GET", "params": {"query": "{hello}"}, "headers": AWAY},
    "UNAUTHENTICATED": {"json": {"query": "{hello}"}, "headers": {"x-api-key": "wrong"}},
    "RATE_LIMITED": {"json": {"query": "{hello}"}},
}


async def test_what_the_engine_never_sees_is_counted(fresh_database, redis_url):
    """Each refusal of the transport, by its code; none of them is a request of the engine's."""
    settings = {"PLAIT_RATE_LIMIT_REQUESTS": "1", "PLAIT_RATE_LIMIT_SECONDS": "3000"}
    settings |= {"PLAIT_RATE_LIMIT_CLIENT_HEADER": "X-Client", "PLAIT_SERVE_BODY_SECONDS": "0.1"}
    settings |= {"PLAIT_API_KEY_ONE_HASH": "0" * 64, "PLAIT_API_KEY_ONE_SUBJECT": "one"}
    client_of_ours = {"x-client": f"198.51.100.{secrets.randbelow(250)}"}
    async with served(await fresh_database(), redis_url, **ON, **settings) as client:
        client.headers.update(client_of_ours)
        assert await ask(client, "{ hello }") == {"data": {"hello": "hello"}}
        for code, sent in REFUSED.items():
            given = {"method": "POST", **sent}
            if callable(given.get("content")):
                given["content"] = given["content"]()
            response = await client.request(url="/graphql", **given)
            assert response.json()["errors"][0]["extensions"]["code"] == code
        found = await figures(client)
    counted = {key[1]: value for key, value in found.items() if key[0] == "plait_refused_total"}
    assert counted == dict.fromkeys(REFUSED, 1)
    assert found["plait_requests_total", "query", "ok"] == 1
    assert ("plait_requests_total", "unknown", "refused") not in found


async def test_every_figure_is_documented(fresh_database, redis_url):
    """docs/observability.md names each family, and none that is not there."""
    limits = {"PLAIT_RATE_LIMIT_REQUESTS": "1000", "PLAIT_RATE_LIMIT_SECONDS": "60"}
    async with served(await fresh_database(), redis_url, **ON, **limits) as client:
        await ask(client, HOLES)
        response = await client.get("/metrics")
    told = {
        family.name
        for family in text_string_to_metric_families(response.text)
        if family.name.startswith(("plait_", "http_"))
    }
    text = DOCUMENT.read_text()
    named = set(re.findall(r"^\| `((?:plait|http)_\w+)`", text, re.MULTILINE))
    assert {name for name in told if not name.startswith("plait_source_")} <= named
    assert named <= told | {"plait_source_write_seconds", "plait_source_failures"}


async def test_nothing_of_a_request_is_told(client):
    """Neither documents nor names a client chose become labels: they have no end."""
    query = """query Chosen($t: String!) {
        alias: __typename books(where: {title: {eq: $t}}) { nodes { id } } }"""
    await ask(client, query, variables={"t": "hunter2"})
    text = (await client.get("/metrics")).text
    assert "Chosen" not in text
    assert "alias" not in text
    assert "hunter2" not in text


async def test_a_token_is_asked_for(fresh_database):
    """With one, only who bears it is told."""
    token = {"PLAIT_TELEMETRY_METRICS_TOKEN": "open-sesame"}
    async with served(await fresh_database(), **ON, **token) as client:
        assert (await client.get("/metrics")).status_code == 401
        wrong = {"authorization": "Bearer other"}
        assert (await client.get("/metrics", headers=wrong)).status_code == 401
        right = {"authorization": "Bearer open-sesame"}
        assert (await client.get("/metrics", headers=right)).status_code == 200


async def test_off_means_not_there(fresh_database):
    """Without the setting there is neither the path nor anything in the way of a request."""
    async with served(await fresh_database()) as client:
        assert (await client.get("/metrics")).status_code == 404
    observation = Observation(Settings())
    assert observation.counters is None
    source = object()
    assert observation.writer(source) is source


def test_a_histogram_counts_a_value_at_its_bound_below_it():
    """As Prometheus has it: `le` is less than or equal."""
    histogram = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 2, 3):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 8
