"""The Redis adapter on a real Valkey."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sources.contract import SourceContract, Subject

from gateway.embedded import start
from gateway.errors import (
    ConfigurationError,
    SourceDataError,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.contract import Batch, Budget, Pieces
from gateway.sources.redis import RedisSource
from gateway.sources.redis.links import SPARE

SECRET = "not-the-password"


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory):
    """An engine for these tests alone, to be killed and frozen."""
    with start(tmp_path_factory.mktemp("valkey"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture
async def client(own_valkey):
    async with Redis.from_url(own_valkey.urls.redis) as connection:
        yield connection


@pytest.fixture
async def source(own_valkey):
    subject = RedisSource("state", own_valkey.urls.redis)
    await subject.open()
    yield subject
    await subject.close()


async def ask(source, prepared, *keys, seconds=10.0):
    """Execute with plenty of time, unless said otherwise."""
    deadline = asyncio.get_running_loop().time() + seconds
    return await source.execute(prepared, Batch(keys=keys), Budget(deadline))


class TestContract(SourceContract):
    """The source contract, for counters."""

    @pytest.fixture
    async def subject(self, own_valkey, client, source):
        present = {(number,): str(number * 3).encode() for number in range(1, 6)}
        await client.mset({f"views:trend_{key}": value for (key,), value in present.items()})
        url = own_valkey.urls.redis
        return Subject(
            source=source,
            prepared=source.prepare_bound("views:trend_{id}", ["id"], "counter"),
            present=present,
            missing=(404,),
            missing_value=b"0",
            engines=own_valkey,
            engine="valkey",
            intruder=RedisSource("state", url.replace("//", f"//someone:{SECRET}@")),
            secret=SECRET,
        )


async def test_one_command_for_a_batch(source, client):
    """All keys of a batch travel in one MGET."""
    prepared = source.prepare_bound("views:trend_{id}", ["id"], "counter")
    before = (await client.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]
    await ask(source, prepared, *((number,) for number in range(128)))
    assert (await client.info("commandstats"))["cmdstat_mget"]["calls"] == before + 1


async def test_a_large_batch_is_cut_and_keeps_its_order(source, client):
    """2,500 keys are three MGETs in one pipeline, answered in the order of the keys."""
    prepared = source.prepare_bound("large:n_{id}", ["id"], "counter")
    await client.mset({f"large:n_{number}": number for number in range(2_500)})
    before = (await client.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]
    answer = await ask(source, prepared, *((number,) for number in range(2_500)))
    assert answer == [str(number).encode() for number in range(2_500)]
    assert (await client.info("commandstats"))["cmdstat_mget"]["calls"] == before + 3


@pytest.mark.parametrize(
    ("stored", "answer"),
    [(b"0", b"0"), (b"-7", b"-7"), (b"2147483647", b"2147483647"), (b"-2147483648", None)],
)
async def test_a_counter_is_an_int(source, client, stored, answer):
    """Every integer GraphQL's Int can hold goes out as it is stored."""
    await client.set("int:x_1", stored)
    assert await ask(source, source.prepare_bound("int:x_{id}", ["id"], "counter"), (1,)) == [
        answer or stored
    ]


@pytest.mark.parametrize(
    "stored",
    [
        *(
            b"2147483648",
            b"-2147483649",
            b"9" * 500,
            b"1.0",
            b"01",
            b"+1",
            b" 1",
            b"1_0",
            b"",
            b"-0",
        ),
        *(b"NaN", b"true", b'"1"', "\u0661".encode(), b"1\n", b"\xff"),
    ],
)
async def test_what_is_no_int_is_an_error_in_its_place(source, client, stored):
    """A foreign value at one key costs that key only."""
    await client.mset({"odd:x_1": 5, "odd:x_2": stored, "odd:x_3": 6})
    first, second, third = await ask(
        source, source.prepare_bound("odd:x_{id}", ["id"], "counter"), (1,), (2,), (3,)
    )
    assert (first, third) == (b"5", b"6")
    assert isinstance(second, SourceDataError)


async def test_a_key_of_another_type_counts_as_absent(source, client):
    """MGET gives nothing for a list: no value, and no failure of the batch."""
    await client.delete("listed:x_1")
    await client.lpush("listed:x_1", "a")
    assert await ask(source, source.prepare_bound("listed:x_{id}", ["id"], "value"), (1,)) == [None]


@pytest.mark.parametrize(
    ("stored", "answer"),
    [
        (b'{"a":[1,2.5,null]}', b'{"a":[1,2.5,null]}'),
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b'{\t"a"\t:\t"b\\t"}', b'{ "a" : "b\\t"}'),
        ('"é"'.encode(), '"é"'.encode()),
    ],
)
async def test_json_goes_out_as_stored(source, client, stored, answer):
    """The stored text is kept to the letter, except that a raw tab would be taken for a hole."""
    await client.set("doc:x_1", stored)
    assert await ask(source, source.prepare_bound("doc:x_{id}", ["id"], "value"), (1,)) == [answer]


@pytest.mark.parametrize(
    "stored",
    [
        *(b"", b"{", b"{'a':1}", b'{"a":1}x', b"NaN", b'"\xff"', b'"a\tb"'),
        pytest.param(b"[" * 5_000 + b"]" * 5_000, id="deep"),
        pytest.param(b'"' + b"x" * 1_048_576 + b'"', id="large"),
    ],
)
async def test_what_is_not_json_is_an_error_in_its_place(source, client, stored):
    """Nothing unchecked or oversized is spliced into a response."""
    await client.mset({"bad:x_1": stored, "bad:x_2": b"1"})
    first, second = await ask(
        source, source.prepare_bound("bad:x_{id}", ["id"], "value"), (1,), (2,)
    )
    assert isinstance(first, SourceDataError)
    assert second == b"1"


async def test_a_value_cannot_leave_its_namespace(source, client):
    """A `:` in a key value is encoded: it reads no key of another namespace."""
    await client.mset({"a:x:secret": 1, "a:x%3Asecret": 2})
    prepared = source.prepare_bound("a:{id}", ["id"], "counter")
    assert await ask(source, prepared, ("x:secret",)) == [b"2"]


async def test_keys_of_several_columns(source, client):
    """Placeholders may stand in any order and are filled from the entity's key."""
    uuid = UUID(int=7)
    await client.set(f"pair:{uuid}:n_3", 9)
    prepared = source.prepare_bound("pair:{topic}:n_{position}", ["position", "topic"], "counter")
    assert await ask(source, prepared, (3, uuid)) == [b"9"]


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1.5, True, b"x", [1], "x" * 1_100),
        pytest.param("\ud800", id="surrogate"),
        pytest.param(10**5_000, id="digits"),
    ],
)
async def test_an_unfit_key_value_is_an_error_in_its_place(source, client, value):
    """A key that cannot be written fails alone."""
    await client.set("fit:x_1", 1)
    first, second = await ask(
        source, source.prepare_bound("fit:x_{id}", ["id"], "counter"), (value,), (1,)
    )
    assert isinstance(first, SourceDataError)
    assert second == b"1"


async def test_more_at_once_than_allowed_share(source, client):
    """A thousand look-ups of one moment are one conversation, each with its own answer."""
    prepared = source.prepare_bound("at:once_{id}", ["id"], "counter")
    await client.mset({f"at:once_{number}": number for number in range(1_000)})
    before = source._turns.sent
    answers = await asyncio.gather(*(ask(source, prepared, (number,)) for number in range(1_000)))
    assert answers == [[str(number).encode()] for number in range(1_000)]
    assert source._turns.sent == before + 1


async def test_what_comes_while_all_connections_are_busy_gathers(source, own_valkey):
    """It waits for the next conversation, which all of it shares."""
    prepared = source.prepare_bound("at:once_{id}", ["id"], "counter")
    slow = RedisSource("state", own_valkey.urls.redis, concurrency=1, socket_timeout=5.0)
    try:
        await ask(slow, prepared, (0,))
        before = slow._turns.sent
        first = asyncio.create_task(ask(slow, prepared, (1,)))
        for _ in range(100):
            if slow._turns.sent > before:
                break
            await asyncio.sleep(0)
        rest = [asyncio.create_task(ask(slow, prepared, (number,))) for number in range(50)]
        await asyncio.gather(first, *rest)
        assert slow._turns.sent == before + 2
    finally:
        await slow.close()


async def test_a_silent_server_is_a_timeout_for_all(source, own_valkey):
    """However many ask at once: all are told, and nobody more than once the bound waits."""
    prepared = source.prepare_bound("views:trend_{id}", ["id"], "counter")
    process = own_valkey.processes["valkey"]
    process.freeze()
    try:
        outcomes = await asyncio.gather(
            *(ask(source, prepared, (1,)) for _ in range(100)), return_exceptions=True
        )
    finally:
        process.thaw()
    assert {type(outcome) for outcome in outcomes} == {SourceTimeout}


@pytest.mark.parametrize(
    ("kind", "fill", "present"),
    [
        ("text", ("SET", '"é'), b'"\\"\xc3\xa9"'),
        ("hash", ("HSET", "a", "1", "b", "[2]"), b'{"a":1,"b":[2]}'),
        ("list", ("RPUSH", "1", '"x"'), b'[1,"x"]'),
        ("members", ("SADD", "x"), b'["x"]'),
    ],
)
async def test_other_kinds_of_fields(source, client, kind, fill, present):
    """Each reads as JSON, batched: one conversation for all rows; absent is null."""
    await client.delete("kinds:x_1")
    command, *rest = fill
    await client.execute_command(command, "kinds:x_1", *rest)
    prepared = source.prepare_bound("kinds:x_{id}", ["id"], kind)
    before = source._turns.sent
    keys = [(1,), (404,), *((number,) for number in range(1_000, 1_100))]
    found, missing, *_ = await ask(source, prepared, *keys)
    assert (found, missing) == (present, None)
    assert source._turns.sent == before + 1


async def test_a_failed_place_in_a_field(source, client):
    """A value that is not JSON is an error where it stands; a key of another kind is one too."""
    await client.delete("part:x_1", "part:x_2")
    await client.rpush("part:x_1", "1", "{", "3")
    await client.set("part:x_2", "1")
    prepared = source.prepare_bound("part:x_{id}", ["id"], "list")
    first, second = await ask(source, prepared, (1,), (2,))
    assert isinstance(first, Pieces)
    assert b"".join(part if isinstance(part, bytes) else b"!" for part in first) == b"[1,!,3]"
    assert isinstance(second, SourceDataError)


async def test_opening_on_nothing():
    """A server that is not there is unavailable, within the connect timeout."""
    source = RedisSource("state", "redis://127.0.0.1:1/0")
    with pytest.raises(SourceUnavailable):
        await source.open()
    await source.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/0", "127.0.0.1:6379", "redis://h:99999/0", "redis://h/0?secret=pass"]
)
def test_a_wrong_url_names_the_source_only(url):
    """The error names the source and nothing of the URL."""
    with pytest.raises(ConfigurationError) as raised:
        RedisSource("state", url)
    assert "state" in str(raised.value)
    assert url not in str(raised.value)
    assert "pass" not in str(raised.value)


async def test_the_query_of_the_url_cannot_lift_the_limits(own_valkey):
    """Timeouts and retries are ours, whatever the URL asks for."""
    source = RedisSource("state", own_valkey.urls.redis + "?socket_timeout=60&max_connections=9")
    assert source.link.pool.connection_kwargs["socket_timeout"] == 0.1
    assert source.link.pool.connection_kwargs["retry"].get_retries() == 0
    assert source.link.pool.max_connections == 4 + SPARE
    await source.close()
