"""The load generator's script, and what is read from its output."""

import json

import pytest

from bench.load import MARK, LoadError, lua_string, parse, script


def summary(**changes):
    figures = {
        "requests": 1000,
        "micros": 2_000_000,
        "bytes": 156_000,
        "p50": 1500,
        "p99": 9000,
        "bad": 0,
        "broken": 0,
    }
    return f"Running 2s test\n{MARK}{json.dumps(figures | changes)}\n"


def test_figures_are_read_in_seconds_and_milliseconds():
    """1,000 requests in 2 s are 500 a second."""
    measured = parse(summary())
    assert measured.rps == 500
    assert measured.p50_ms == 1.5
    assert measured.p99_ms == 9
    assert measured.bytes_each == 156


@pytest.mark.parametrize("fault", [{"bad": 1}, {"broken": 1}, {"requests": 0}])
def test_a_single_failed_request_leaves_no_figures(fault):
    """Errors are often faster than answers: a run with one counts for nothing."""
    with pytest.raises(LoadError):
        parse(summary(**fault))


def test_output_without_a_summary_is_an_error():
    """A wrk that died early is not taken for a slow server."""
    with pytest.raises(LoadError, match="no summary"):
        parse("unable to connect to 127.0.0.1")


def test_bodies_survive_lua():
    """Quotes, backslashes, line ends, zero bytes and other alphabets keep their bytes."""
    text = 'a"b\\c\nd\0é“7'
    literal = lua_string(text)
    assert literal.isascii()
    assert literal.isprintable()
    inner, read, at = literal[1:-1], bytearray(), 0
    while at < len(inner):
        escaped = inner[at] == "\\"
        read.append(int(inner[at + 1 : at + 4]) if escaped else ord(inner[at]))
        at += 4 if escaped else 1
    assert read.decode() == text


def test_replies_are_read_in_lua_only_when_watched():
    """Timed runs must not pay for the check."""
    assert "response = function" not in script(["{}"], watch=False)
    assert "response = function" in script(["{}"], watch=True)
