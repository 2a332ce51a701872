"""Jobs: there with the transaction that wants them, done at least once, one at a time per lock."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import procrastinate
import pytest
from workflows.conftest import running, until

from gateway.errors import InputError
from gateway.workflows.jobs import Job, defer

FOLDER = Path(__file__).parent


class Notes:
    """A job that notes what it was asked."""

    def __init__(self):
        self.seen = []

    async def __call__(self, attempt):
        self.seen.append(attempt)

    @property
    def arguments(self):
        return [attempt.arguments for attempt in self.seen]


async def _waiting(connection):
    return await connection.fetchval(
        "SELECT count(*) FROM plait_engine.procrastinate_jobs WHERE status IN ('todo', 'doing')"
    )


async def test_a_job_is_there_with_its_transaction(connection, working):
    """Rolled back it never was; committed it is done, with its arguments."""
    notes = Notes()
    await working([Job("note", notes)])
    rolled_back = connection.transaction()
    await rolled_back.start()
    await defer(connection, "note", {"n": 1})
    await rolled_back.rollback()
    async with connection.transaction():
        await defer(connection, "note", {"n": 2, "text": "ä\u2028'"})

    await until(lambda: notes.seen)

    assert notes.arguments == [{"n": 2, "text": "ä\u2028'"}]
    await until(lambda: _none_left(connection))


async def test_a_lost_cancellation_is_said_again(url, monkeypatch):
    """As Python 3.11 may lose one while the worker connects; nobody waits for it for ever."""
    real = procrastinate.App.run_worker_async
    begun, lost = asyncio.Event(), asyncio.Event()

    async def deaf(app, **options):
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await real(app, **options)

    monkeypatch.setattr(procrastinate.App, "run_worker_async", deaf)
    async with asyncio.timeout(20), running(url, [Job("note", Notes())], lease=1.0) as task:
        await begun.wait()
    assert lost.is_set()
    assert task.cancelled()


async def _none_left(connection):
    return await _waiting(connection) == 0


async def test_a_trigger_defers(connection, working):
    """The job of a change made by anybody comes with the change."""
    notes = Notes()
    await working([Job("row", notes)])
    await connection.execute(
        """
        CREATE TABLE things (id int PRIMARY KEY, name text);
        CREATE FUNCTION thing_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM public.plait_defer(
                'row', jsonb_build_object('id', NEW.id), lock => 'thing-' || NEW.id);
            RETURN NULL;
        END $$;
        CREATE TRIGGER changed AFTER INSERT OR UPDATE ON things
        FOR EACH ROW EXECUTE FUNCTION thing_changed();
        SET search_path = pg_catalog;
        INSERT INTO public.things VALUES (1, 'a'), (2, 'b');
        """
    )
    await until(lambda: len(notes.seen) == 2)
    assert sorted(one["id"] for one in notes.arguments) == [1, 2]


async def test_once_a_waiting_job_takes_the_next_in(connection, working):
    """Ten changes before a worker comes are one job, with the latest arguments."""
    ids = {await defer(connection, "note", {"n": n}, once="k", lock="k") for n in range(10)}
    assert len(ids) == 1
    notes = Notes()
    await working([Job("note", notes)])
    await until(lambda: notes.seen)
    await until(lambda: _none_left(connection))
    assert notes.arguments == [{"n": 9}]


async def test_what_a_change_takes_for_waiting_begins_after_it(connection, url, working):
    """A worker cannot begin a job that an open transaction relies on: no update is lost."""
    await connection.execute("CREATE TABLE said (word text); INSERT INTO said VALUES ('old')")
    read = []

    async def reads(_):
        own = await asyncpg.connect(url)
        read.append(await own.fetchval("SELECT word FROM said"))
        await own.close()

    await defer(connection, "read", {}, once="k", lock="k")
    async with connection.transaction():
        await connection.execute("UPDATE said SET word = 'new'")
        await defer(connection, "read", {}, once="k", lock="k")
        await working([Job("read", reads), Job("other", other := Notes())])
        aside = await asyncpg.connect(url)
        await defer(aside, "other", {})
        await aside.close()
        # A later job is done: the one that the open transaction relies on was passed over.
        await until(lambda: other.seen)
        assert read == []
    await until(lambda: read)
    assert read == ["new"]


async def test_what_is_deferred_while_a_job_runs_is_done_after_it(connection, working):
    """A job that has begun has read already: the next change is another job, never at once."""
    begun, go_on, notes = asyncio.Event(), asyncio.Event(), []

    async def slow(attempt):
        notes.append(("begin", attempt.arguments["n"]))
        begun.set()
        await go_on.wait()
        notes.append(("end", attempt.arguments["n"]))

    await working([Job("slow", slow)], concurrency=4)
    first = await defer(connection, "slow", {"n": 1}, once="k", lock="k")
    await begun.wait()
    second = await defer(connection, "slow", {"n": 2}, once="k", lock="k")
    third = await defer(connection, "slow", {"n": 3}, once="k", lock="k")
    assert first != second == third
    free = await defer(connection, "slow", {"n": 0})
    await until(lambda: ("begin", 0) in notes)
    assert free
    assert ("begin", 3) not in notes
    go_on.set()
    await until(lambda: ("end", 3) in notes)
    assert [one for one in notes if one[1]] == [("begin", 1), ("end", 1), ("begin", 3), ("end", 3)]


async def test_a_failed_try_is_followed_by_others_up_to_a_bound(connection, working):
    """Numbers count up, and the last one is marked."""
    tries = []

    async def fails(attempt):
        tries.append((attempt.number, attempt.last))
        raise ValueError("of no concern")

    await working([Job("fail", fails, attempts=3, pause=0.0)])
    await defer(connection, "fail", {"n": 1}, once="k", lock="k")
    await until(lambda: _none_left(connection))
    assert tries == [(1, False), (2, False), (3, True)]


def test_pauses_double_up_to_a_bound():
    """1, 2, 4 … seconds, never longer than the longest."""
    job = Job("x", Notes(), pause=1.0, longest=10.0)
    assert [job.delay(number) for number in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]


async def test_periodic_jobs_are_done_without_being_asked_for(working):
    """Each due moment once, though two workers look after it."""
    notes = Notes()
    job = Job("tick", notes, every="* * * * * */1")
    await working([job])
    await working([job])
    await until(lambda: len(notes.seen) >= 2)
    moments = [one["timestamp"] for one in notes.arguments]
    assert len(set(moments)) == len(moments)


async def test_nothing_is_left_of_periodic_jobs_that_failed(connection, working):
    """The next one comes by itself: an engine that is away for a day fills no table."""
    failed = []

    async def fails(attempt):
        failed.append(attempt.job_id)
        raise RuntimeError

    await working([Job("tick", fails, attempts=1, every="* * * * * */1")])
    await until(lambda: len(failed) >= 2)
    left = "SELECT count(*) = 0 FROM plait_engine.procrastinate_jobs WHERE id = $1"
    await until(lambda: connection.fetchval(left, failed[0]))


async def test_cancelled_jobs_are_interrupted_or_never_begun(connection, working):
    """By their lock, in the transaction that wants it."""
    begun, ended = asyncio.Event(), []

    async def waits(attempt):
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(attempt.arguments["n"])
            raise

    await working([Job("wait", waits)])
    await defer(connection, "wait", {"n": 1}, lock="k")
    await defer(connection, "wait", {"n": 2}, lock="k")
    await begun.wait()
    assert await connection.fetchval("SELECT plait_cancel('k')") == 2
    await until(lambda: _none_left(connection))
    assert ended == [1]


async def test_a_lost_database_connection_is_found_again(connection, working):
    """The worker's sessions are cut off; what is deferred then is done."""
    notes = Notes()
    await working([Job("note", notes)], lease=1.0)
    await defer(connection, "note", {"n": 1})
    await until(lambda: _none_left(connection))
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'plait-worker' AND datname = current_database()"
    )
    await defer(connection, "note", {"n": 2})
    await until(lambda: {"n": 2} in notes.arguments)


async def test_a_job_whose_end_did_not_reach_the_database_is_done_again(connection, working):
    """The worker lives on, so nobody else would: its lock must not be held for ever."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await connection.execute(
        """
        CREATE SEQUENCE refused;
        CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('public.refused') = 1 THEN RAISE 'not now'; END IF;
            RETURN OLD;
        END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON plait_engine.procrastinate_jobs
        FOR EACH ROW EXECUTE FUNCTION refuse_delete();
        """
    )
    notes = Notes()
    await working([Job("note", notes)], lease=1.0)
    await defer(connection, "note", {"n": 1}, lock="k")
    await defer(connection, "note", {"n": 2}, lock="k")
    await until(lambda: _none_left(connection))
    await connection.execute("DROP TRIGGER refuse ON plait_engine.procrastinate_jobs")
    assert [(one.arguments["n"], one.number) for one in notes.seen] == [(1, 1), (1, 2), (2, 1)]


async def test_what_a_killed_worker_had_begun_another_does_again(connection, url, working):
    """kill -9 in the middle of a job: it is tried again, as the second try."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOLDER / "hanging_worker.py"),
        url,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1])},
    )
    await defer(connection, "hang", {"n": 1}, lock="k", once="k")
    assert await asyncio.wait_for(child.stdout.readline(), 20) == b"begun\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()

    notes = Notes()
    await working([Job("hang", notes)], lease=1.0)

    await until(lambda: notes.seen)
    (attempt,) = notes.seen
    assert (attempt.number, attempt.arguments) == (2, {"n": 1})


async def test_a_worker_that_was_frozen_does_not_end_the_try_of_another(connection, working):
    """Its job was begun anew elsewhere meanwhile: that one stays, and is done again if it dies."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hangs(_):
        begun.set()
        await go_on.wait()

    notes = Notes()
    await working([Job("hang", hangs), Job("note", notes)], lease=60.0)
    await defer(connection, "hang", {}, lock="k")
    await begun.wait()
    # As another one has it after the lease: tried again, and under way.
    await connection.execute(
        "SET search_path = plait_engine; UPDATE procrastinate_jobs SET attempts = 1"
    )
    go_on.set()
    await defer(connection, "note", {})
    await until(lambda: notes.seen)
    left = await connection.fetch("SELECT task_name, status::text FROM procrastinate_jobs")
    assert ("hang", "doing") in [tuple(row) for row in left]


async def test_a_job_that_kills_its_workers_is_given_up(connection, working):
    """A death counts as a try, so that it cannot go on for ever."""
    await defer(connection, "die", {"n": 1})
    await connection.execute(
        "SET search_path = plait_engine; "
        "UPDATE procrastinate_jobs SET status = 'doing', attempts = 1, worker_id = NULL"
    )
    runs = Notes()
    await working([Job("die", runs, attempts=2)], lease=1.0)
    await until(lambda: _none_left(connection))
    assert runs.seen == []


@pytest.mark.parametrize("arguments", [{"x": object()}, {"x": "y" * 100_001}])
async def test_arguments_are_json_of_bounded_size(connection, arguments):
    """Anything else is refused before it is written down."""
    with pytest.raises(InputError, match="arguments of the job note"):
        await defer(connection, "note", arguments)
    assert await _waiting(connection) == 0
