"""`plait sync`: what it prints, and how it exits."""

from __future__ import annotations

import asyncio
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.embedding.local import LocalEmbedder
from gateway.errors import ConfigurationError, SourceUnavailable


@pytest.fixture
def plait(notes, monkeypatch):
    """Runs a command over the notes' domain; gives its exit code and what it printed."""
    monkeypatch.setenv("PLAIT_RESOLVERS", "notes_domain")
    monkeypatch.setenv("NOTES_COLLECTION", notes.sync.name)
    monkeypatch.setenv("POSTGRES_URL", notes.url)
    monkeypatch.setenv("QDRANT_URL", notes.engine_url)
    monkeypatch.setenv("QDRANT_GRPC_PORT", str(notes.engine_port))
    monkeypatch.setenv("COLUMNS", "200")

    async def run(*arguments):
        sys.modules.pop("notes_domain", None)
        result = await asyncio.to_thread(CliRunner().invoke, app, ["sync", *arguments])
        if isinstance(result.exception, Exception):
            result.exception.add_note(result.output)
            raise result.exception
        return result.exit_code, result.output

    return run


async def test_check_fill_and_repair(notes, plait, caplog):
    """A backfill leaves nothing to find; what is then lost is found by a check, and mended.

    That there is no collection at first is nothing to warn of.
    """
    await notes.connection.execute("SET session_replication_role = replica")
    await notes.add("one", "two", "three")
    await notes.connection.execute("RESET session_replication_role")

    code, said = await plait("--check")
    assert code == 1
    assert "rows without a point" in said
    assert "3 rows, 0 without text, 0 over the model's limit, 0 waiting" in said

    code, said = await plait()
    assert code == 0
    assert f"{notes.sync.name}: 3" in said
    assert f"{notes.sync.name}: 3 embedded, 0 payloads, 0 removed, 0 failed, in " in said
    assert "items a second: read " in said
    assert "no collection" not in caplog.text
    assert (await plait())[1].strip() == f"{notes.sync.name}: nothing was due"
    assert set(await notes.points()) == {1, 2, 3}
    assert (await plait("--check", notes.sync.name))[0] == 0

    await notes.engine.administration.delete_collection(notes.sync.name)
    assert (await plait())[0] == 0
    assert (await plait("--check"))[0] == 1
    assert (await plait("--repair"))[0] == 0
    code, said = await plait("--check")
    assert (code, "nothing" in said) == (0, True)


async def test_a_row_that_fails_is_an_exit_code(notes, plait):
    """What could not be embedded is not passed over in silence."""
    await notes.add("one", first=-1)
    code, said = await plait()
    assert code == 1
    assert "0 embedded, 0 payloads, 0 removed, 1 failed" in said
    assert "last_error" in said
    code, said = await plait()
    assert code == 0
    assert "nothing was due" in said
    assert "1 failed before; plait sync --repair tries them again" in said


async def test_a_source_that_goes_away_is_told_with_what_to_do(notes, plait, monkeypatch):
    """The run ends with the source's error; that it may be done again is said before."""

    async def away(*_):
        raise SourceUnavailable("gone")

    await notes.add("one")
    monkeypatch.setattr(LocalEmbedder, "embed", away)
    with pytest.raises(SourceUnavailable) as raised:
        await plait()
    assert "stopped; what is stored stays, and plait sync goes on" in raised.value.__notes__[0]
    assert len(await notes.due()) == 1


async def test_what_makes_no_sense_is_refused(plait):
    """An unknown collection is named with those that are known."""
    with pytest.raises(ConfigurationError, match=r"'other' is not synced; synced are: sync_notes"):
        await plait("other")
    with pytest.raises(ConfigurationError, match="exclude each other"):
        await plait("--check", "--repair")
