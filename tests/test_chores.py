"""What a gateway does beside serving: values that expired go, and the first text finds a model."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from context.kinds import settings_of

from gateway.context.registry import datasource_of, keep_pruned
from gateway.embedding.compose import embedder_of
from gateway.embedding.local import LocalEmbedder
from gateway.errors import ConfigurationError
from gateway.settings import Embedding, load
from gateway.working import chores_of, working


def read(**environ):
    """Settings of just these variables."""
    return load(environ=environ)


@asynccontextmanager
async def doing(chore):
    """The chore goes on during the block, as it does beside a gateway."""
    async with working(read(), [], [chore]):
        yield


async def until(holds):
    """Until the condition holds; ten seconds at most."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - polls another side
            await asyncio.sleep(0.01)


async def test_expired_values_go(tmp_path):
    """What expired leaves its engine, what did not stays, again and again."""
    source = datasource_of("chores", settings_of("filesystem", str(tmp_path / "root"), "p:"))
    await source.connect()
    try:
        await source.save("ever", 1)
        async with doing(keep_pruned({"chores": source}, 0.01)):
            for _ in range(2):
                await source.save("short", 1, ttl=0.02)
                await until(lambda: len(files(tmp_path)) == 1)
        assert await source.load("ever") == 1
    finally:
        await source.disconnect()


def files(folder):
    """The files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_who_prunes():
    """The gateway does where no workflows are: their workers do it then."""
    made = Listed()
    assert [chore_name(one) for one in chores_of(read(), made, None, None)] == ["keep_pruned"]
    assert list(chores_of(read(), made, object(), None)) == []
    assert list(chores_of(read(), None, None, None)) == []


class Listed:
    """Datasources, none of them."""

    def by_name(self):
        return {}


def chore_name(chore):
    """Its function's name; it is not begun."""
    chore.close()
    return chore.cr_code.co_name


async def test_the_model_is_there_before_the_first_text():
    """Where texts are searched, the local model's process is started with the gateway."""
    model = LocalEmbedder()
    try:
        settings = read(QDRANT_URL="http://127.0.0.1:1", PLAIT_EMBEDDING_WARM="true")
        (chore,) = chores_of(settings, None, None, model)
        async with doing(chore):
            await until(lambda: model.pid is not None)
            started = model.pid
            await model.embed(["one"], asyncio.get_running_loop().time() + 60)
        assert model.pid == started
        cold = read(QDRANT_URL="http://127.0.0.1:1")
        assert list(chores_of(cold, None, None, model)) == []
    finally:
        model.close()


async def test_without_the_models_package_it_is_said(monkeypatch, caplog):
    """A gateway whose model cannot be loaded serves all else."""

    def absent():
        raise ConfigurationError("install plait[demo]")

    monkeypatch.setattr("gateway.embedding.local.ModelProcess", absent)
    embedder = embedder_of(Embedding(), None)
    await embedder.warm()
    await embedder.aclose()
    assert "searches by text are refused: install plait[demo]" in caplog.text
