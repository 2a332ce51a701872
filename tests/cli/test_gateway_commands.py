"""Commands that put the whole gateway together: schema, explain, doctor, serve."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from gateway.cli.schema import _tell_changes

NOWHERE = {
    "POSTGRES_URL": "postgresql://plait:hunter2@127.0.0.1:1/plait",
    "REDIS_URL": "redis://:hunter2@127.0.0.1:1",
    "QDRANT_URL": "http://127.0.0.1:1",
    "QDRANT_GRPC_PORT": "1",
}
"""Sources of every kind that do not answer."""

QUERY = "query Q($n: Int!) { trends(first: $n) { edges { node { title } } } }"


@pytest.fixture
async def sources(engines, qdrant_endpoint, fresh_database):
    """Sources of every kind that do answer, the database still empty."""
    return {
        "POSTGRES_URL": await fresh_database(),
        "REDIS_URL": engines.urls.redis,
        "QDRANT_URL": qdrant_endpoint,
        "QDRANT_GRPC_PORT": qdrant_endpoint.rpartition(":")[2],
    }


def test_the_schema_is_printed_written_and_checked(plait, tmp_path):
    """One text, printed and written alike; the check passes on it and fails on another."""
    printed = plait("schema", "print").stdout
    assert "type Trend " in printed
    assert plait("schema", "print", "--out", "schema.graphql").returncode == 0
    file = tmp_path / "schema.graphql"
    assert file.read_text() == printed
    assert plait("schema", "check").returncode == 0
    file.write_text(printed.replace("type Trend ", "type Fashion ", 1))
    drifted = plait("schema", "check")
    assert drifted.returncode == 1
    assert "-type Fashion " in drifted.stdout
    assert "+type Trend " in drifted.stdout


def test_a_subgraph_is_printed_as_routers_are_told_it(plait, tmp_path):
    """Without a running gateway; a domain that is none says what to write."""
    printed = plait("schema", "print", "--subgraph").stdout
    assert printed.startswith("extend schema @link(")
    assert "type PageInfo @shareable {" in printed
    (tmp_path / "mine.py").write_text(SHOP)
    refused = plait("schema", "print", "--subgraph", PLAIT_RESOLVERS="mine")
    assert refused.returncode == 2
    assert "Domain(…, subgraph=True)" in refused.stderr


SHOP = (
    "from gateway import Domain, field, queries\n"
    "@queries\nclass Q:\n"
    "    @field()\n    def greeting(self, loud: bool = False) -> str:\n        return 'hello'\n"
    "    @field()\n    def colour(self) -> str:\n        return 'red'\n"
    "domain = Domain(entities=[], queries=[Q])\n"
)


def test_what_breaks_clients_fails_the_check(plait, tmp_path):
    """With --breaking an addition passes; a field that is gone never does."""
    domain = tmp_path / "mine.py"
    domain.write_text(SHOP)
    mine = {"PLAIT_RESOLVERS": "mine"}
    assert plait("schema", "print", "--out", "schema.graphql", **mine).returncode == 0
    domain.write_text(SHOP.replace("greeting(self, ", "greeting(self, often: int = 1, "))
    assert plait("schema", "check", "--breaking", **mine).returncode == 0
    domain.write_text(SHOP.replace("def colour", "def color"))
    done = plait("schema", "check", "--breaking", **mine)
    assert done.returncode == 1
    assert "breaks Field Query.colour was removed." in done.stderr


@pytest.mark.parametrize(
    ("after", "told", "breaks"),
    [
        ("type Query { a(x: Int = 1): Int }", "breaks Field Query.b was removed.", True),
        ("type Query { a(x: Int = 1): String b: Int }", "breaks Field Query.a changed type", True),
        ("type Query { a(x: Int = 2): Int b: Int }", "may surprise Query.a(x:)", False),
        ("type Query { a(x: Int = 1): Int b: Int c: [Int] }", "", False),
    ],
)
def test_changes_are_told(capsys, after, told, breaks):
    """Removed and retyped fields break; a changed default may surprise; an addition does neither."""
    before = "type Query { a(x: Int = 1): Int b: Int }"
    assert _tell_changes(before, after, Path("old.graphql")) is breaks
    shown = capsys.readouterr().err
    assert told in shown
    assert bool(shown) is bool(told)


def test_what_is_no_schema_passes_no_check(capsys):
    """With a broken file nothing can be compared."""
    assert _tell_changes("type {", "type Query { a: Int }", Path("old.graphql"))
    assert "old.graphql is no schema" in capsys.readouterr().err


def test_a_missing_schema_file_is_named(plait):
    """The check cannot pass for want of anything to compare with."""
    for unusable in (("print", "--out", "none/x"), ("check", "--file", ".")):
        done = plait("schema", *unusable)
        assert done.returncode == 2
        assert done.stderr.startswith("error: cannot ")
    missing = plait("schema", "check", "--file", "other.graphql")
    assert missing.returncode == 2
    assert "other.graphql" in missing.stderr


def test_another_domain_is_found_in_the_working_directory(plait, tmp_path):
    """`resolvers` names a module of the project that one stands in; a missing one is an error."""
    (tmp_path / "mine.py").write_text(
        "from gateway import Domain, field, queries\n"
        "@queries\nclass Q:\n"
        "    @field()\n    def greeting(self) -> str:\n        return 'hello'\n"
        "domain = Domain(entities=[], queries=[Q])\n"
    )
    assert "greeting: String!" in plait("schema", PLAIT_RESOLVERS="mine").stdout
    missing = plait("schema", PLAIT_RESOLVERS="yours")
    assert missing.returncode == 2
    assert "PLAIT_RESOLVERS" in missing.stderr


@pytest.mark.parametrize("how", ["argument", "file", "input"])
def test_explain_prints_the_plan_without_connecting(plait, tmp_path, how):
    """The SQL text is shown although no source is there, wherever the query comes from."""
    (tmp_path / "q.graphql").write_text(QUERY)
    query = {"argument": QUERY, "file": "@q.graphql", "input": "-"}[how]
    done = plait("explain", query, "--variables", '{"n": 3}', typed=QUERY, **NOWHERE)
    assert done.returncode == 0, done.stderr
    assert "wave 1" in done.stdout
    assert re.search(r"select\b.*\btrends\b", done.stdout, re.IGNORECASE | re.DOTALL)


def test_explain_needs_no_settings(plait):
    """In a project without a single source configured the plan is the same."""
    done = plait("explain", QUERY, "--variables", '{"n": 3}')
    assert done.returncode == 0, done.stderr
    there = plait("explain", QUERY, "--variables", '{"n": 3}', **NOWHERE)
    assert done.stdout == there.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([QUERY, "--variables", "[1]"], "--variables: expected a JSON object"),
        ([QUERY, "--variables", "{"], "--variables: expected a JSON object"),
        (["@missing.graphql"], "cannot read missing.graphql"),
        (["{ nothing }"], "nothing"),
    ],
)
def test_what_cannot_be_explained_is_said(plait, arguments, message):
    """One line, no traceback."""
    done = plait("explain", *arguments, **NOWHERE)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_tells_the_cost_and_speaks_json(plait):
    """The same plan in either form, of the operation that is named."""
    document = f"query Other {{ __typename }} {QUERY}"
    told = plait("explain", document, "--operation", "Q", "--variables", '{"n": 3}')
    assert told.stdout.startswith("cost 7\n"), told.stderr
    done = plait("explain", document, "--operation", "Q", "--variables", '{"n": 3}', "--json")
    plan = json.loads(done.stdout)
    assert plan["cost"] == 7
    assert plan["waves"][0][0]["request"]["sql"].splitlines()[0] in told.stdout
    assert plait("explain", document).returncode == 1


async def test_doctor_checks_whatever_is_configured(plait, sources, tmp_path):
    """Key-value sources, replicas, change feeds and trusted documents beside the sources."""
    assert plait("migrate", "up", **sources).returncode == 0
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"one": "{ __typename }", "two": "{ nothing }"}))
    more = {
        "POSTGRES_CHANGE_FEED": "on",
        "POSTGRES_REPLICA_URL": NOWHERE["POSTGRES_URL"],
        "DATASOURCE_NOTES_TYPE": "filesystem",
        "DATASOURCE_NOTES_PATH": str(tmp_path),
        "PLAIT_DOCUMENTS_MANIFEST": str(manifest),
    }
    done = plait("doctor", **sources, **more)
    assert done.returncode == 1
    assert re.search(r"postgres:changes +ready", done.stdout)
    assert re.search(r"postgres:replica +missed", done.stdout)
    assert re.search(r"notes +ready", done.stdout)
    assert re.search(r"cache +ready", done.stdout)
    assert re.search(
        r"trusted documents +not ready +1 of 2 are not valid, such as two", done.stdout
    )
    manifest.write_text(json.dumps({"one": "{ __typename }"}))
    assert plait("doctor", **sources, **more).returncode == 0


async def test_doctor_is_content_with_sources_that_answer(plait, sources):
    """Every source is listed as ready; exit code 0."""
    assert plait("migrate", "up", **sources).returncode == 0
    done = plait("doctor", **sources)
    assert done.returncode == 0, done.stderr
    for source in ("postgres", "qdrant", "redis"):
        assert re.search(rf"{source} +ready", done.stdout)


def test_doctor_names_sources_that_do_not_answer(plait):
    """Every source is listed as not ready; exit code 1, and no password."""
    done = plait("doctor", **NOWHERE)
    assert done.returncode == 1
    assert done.stdout.count("not ready") == 3
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_wants_something_to_check(plait, tmp_path):
    """Without any source nothing is called healthy."""
    (tmp_path / "mine.py").write_text(SHOP)
    done = plait("doctor", PLAIT_RESOLVERS="mine")
    assert done.returncode == 2
    assert "no source" in done.stderr


@contextlib.contextmanager
def served(environment, *arguments):
    """`plait serve` on a free port; gives the process and its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gateway.cli", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while status(f"{url}/health/live") != 200:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield process, url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        process.stderr.close()


def status(url):
    """The status with which an address answers; None while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own address
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


async def test_serve_answers_and_stops(environment, plait, sources):
    """Live and ready with its sources there; SIGTERM ends it; every log line is JSON."""
    assert plait("migrate", "up", **sources).returncode == 0
    with served(environment | sources) as (process, url):
        assert status(f"{url}/health/ready") == 200
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=30)
    assert status(f"{url}/health/live") is None
    assert process.returncode == 0
    for line in logged.splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


def test_ctrl_c_ends_serve_without_a_traceback(environment):
    """It stops as at SIGTERM, with the exit code that shells expect; the log said where it was."""
    with served(environment | NOWHERE) as (process, url):
        process.send_signal(signal.SIGINT)
        _, logged = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in logged
    assert f"starting on 127.0.0.1, port {url.rpartition(':')[2]}" in logged


def test_serve_waits_for_sources_that_are_away(environment):
    """The gateway lives without them, says that it is not ready, and logs no password."""
    with served(environment | NOWHERE) as (process, url):
        assert status(f"{url}/health/ready") == 503
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=30)
    assert "hunter2" not in logged


def test_several_workers_serve_and_stop_together(environment):
    """Each worker is a process; none outlives SIGTERM to the first."""
    with served(environment | NOWHERE, "--workers", "2") as (process, _):
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert psutil.wait_procs(family, timeout=30)[1] == []


def test_a_taken_port_is_said(plait):
    """The message names the port, `--port` and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = plait("serve", "--port", port)
    assert done.returncode == 2
    for part in (f"port {port}", "--port", "PLAIT_SERVE_PORT"):
        assert part in done.stderr
