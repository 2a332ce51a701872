"""Logs are JSON lines that tell where and what kind, and never quote what may be secret."""

import asyncio
import gc
import io
import logging

import orjson
import pytest

from gateway.errors import SourceTimeout
from gateway.telemetry import configure_logging, describe, log_internal
from gateway.telemetry.logs import JsonFormatter

SECRET = "hunter2"


@pytest.fixture
def lines():
    """Configures logging into memory; calling it gives the objects logged so far."""
    stream = io.StringIO()
    names = ["", "gateway", "plait", "resolvers", "uvicorn", "uvicorn.error"]
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    loggers = [logging.getLogger(name) for name in names]
    before = [(one.level, one.propagate, one.handlers[:]) for one in loggers]
    configure_logging(stream)
    yield lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]
    configure_logging(stream)
    for one, (level, propagate, handlers) in zip(loggers, before, strict=True):
        one.setLevel(level)
        one.propagate = propagate
        one.handlers[:] = handlers


def fail(error):
    """Raises the error from a frame of this name, and catches it."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_masked_error_is_found_by_its_id(lines):
    """The id given to the client stands in the line, with type and place, without the text."""
    identity = log_internal(fail(ValueError(SECRET)))
    (line,) = lines()
    assert line["id"] == identity
    assert line["level"] == "error"
    assert line["error"][0]["type"] == "builtins.ValueError"
    assert line["error"][0]["frames"][-1].endswith(" fail")
    assert SECRET not in str(line)


def test_what_is_no_unicode_is_told_all_the_same():
    """A lone surrogate, of a file's name say, costs one character and no line."""
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "no file %s", ("a\udcff.sql",), None)
    record.fields = {"n": 1}
    line = orjson.loads(JsonFormatter().format(record))
    assert (line["message"], line["n"]) == ("no file a?.sql", 1)


@pytest.mark.usefixtures("lines")
def test_a_text_is_told_where_that_is_asked_for():
    """While a domain is developed the line says what the exception said, up to a bound."""
    stream = io.StringIO()
    configure_logging(stream, texts=True)
    log_internal(fail(ValueError("no such shelf" + "x" * 5_000)))
    line = orjson.loads(stream.getvalue())
    assert line["error"][0]["text"].startswith("no such shelf")
    assert len(line["error"][0]["text"]) == 1_000


def test_ids_differ(lines):
    """Two masked errors can be told apart."""
    assert log_internal(ValueError()) != log_internal(ValueError())
    assert len(lines()) == 2


def test_causes_and_members_are_told_once_each():
    """A chain, a group and a circle of causes all end, outermost first."""
    inner = fail(KeyError(SECRET))
    group = ExceptionGroup(SECRET, [inner, fail(OSError(SECRET))])
    outer = RuntimeError(SECRET)
    outer.__cause__ = group
    inner.__cause__ = outer
    told = describe(outer)
    assert [one["type"].rpartition(".")[2] for one in told] == [
        "RuntimeError",
        "ExceptionGroup",
        "KeyError",
        "OSError",
    ]
    assert SECRET not in str(told)


def test_our_own_errors_keep_their_message():
    """What is written for clients may be read by operators."""
    (told,) = describe(fail(SourceTimeout("postgres did not answer in time")))
    assert told["code"] == "SOURCE_TIMEOUT"
    assert told["message"] == "postgres did not answer in time"


def test_exceptions_logged_by_others_lose_their_text(lines):
    """`logger.exception` of any library gives type and frames."""
    error = fail(ValueError(SECRET))
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    (line,) = lines()
    assert line["message"] == "Exception in ASGI application"
    assert line["error"][0]["type"] == "builtins.ValueError"
    assert SECRET not in str(line)


def test_a_lost_task_exception_is_not_quoted(lines):
    """asyncio's own report of a failed task does not show the exception's text."""

    async def lose():
        raise ValueError(SECRET)

    async def forget():
        task = asyncio.get_running_loop().create_task(lose())
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(forget())
    (line,) = lines()
    assert line["message"] == "Task exception was never retrieved"
    assert SECRET not in str(line)


def test_levels(lines):
    """Ours is heard from INFO on, others from WARNING on."""
    for name in ("gateway.x", "uvicorn.error", "httpx", "sqlalchemy.engine"):
        logging.getLogger(name).info("told")
        logging.getLogger(name).debug("quiet")
    logging.getLogger("httpx").warning("told")
    assert [line["logger"] for line in lines()] == ["gateway.x", "uvicorn.error", "httpx"]


def test_fields_of_any_type_are_written(lines):
    """A field that JSON does not know is written as text rather than lost."""
    logging.getLogger("gateway").info("x", extra={"fields": {"path": io, 1: 2}})
    (line,) = lines()
    assert line["1"] == 2
    assert "io" in line["path"]
