"""A queue for each name of a job: a worker takes what it knows, and nothing else waits for it."""

import asyncio

import asyncpg
import pytest
from workflows.conftest import MIGRATIONS, running, until

from gateway.sources.postgres import migrate
from gateway.workflows.install import engine_where_absent
from gateway.workflows.jobs import Job, TryAgain, defer

OLD_DEFER = """
CREATE OR REPLACE FUNCTION public.plait_defer(
    job text, arguments jsonb DEFAULT '{}', lock text DEFAULT NULL, once text DEFAULT NULL,
    delay interval DEFAULT '0', priority integer DEFAULT 0
) RETURNS bigint LANGUAGE sql SET search_path = plait_engine, public AS $$
    INSERT INTO procrastinate_jobs (task_name, args, queue_name, lock, queueing_lock, priority)
    VALUES (job, arguments, 'default', lock, once, priority) RETURNING id
$$
"""
BEGINNINGS = """
CREATE TABLE IF NOT EXISTS begun (id bigint, worker bigint, name text);
TRUNCATE begun;
CREATE OR REPLACE FUNCTION note_begun() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.begun VALUES (NEW.id, NEW.worker_id, NEW.task_name);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER note_begun AFTER UPDATE OF status ON plait_engine.procrastinate_jobs
FOR EACH ROW WHEN (NEW.status = 'doing') EXECUTE FUNCTION note_begun();
"""


class Notes:
    """A job that notes the tries at it."""

    def __init__(self):
        self.seen = []

    async def __call__(self, attempt):
        self.seen.append((attempt.arguments["n"], attempt.number))


async def _queues(connection):
    rows = await connection.fetch(
        "SELECT queue_name, task_name FROM plait_engine.procrastinate_jobs ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_each_job_is_done_by_who_knows_it(connection, working):
    """Two workers with different names: none begins, not even for a moment, what the other does."""
    await connection.execute(BEGINNINGS)
    left, right = Notes(), Notes()
    for n in range(0, 20, 2):
        await defer(connection, "left", {"n": n})
        await defer(connection, "right", {"n": n + 1})
    await working([Job("left", left)])
    await working([Job("right", right)])
    for n in range(20, 40, 2):
        await defer(connection, "left", {"n": n})
        await defer(connection, "right", {"n": n + 1})
    await until(lambda: len(left.seen) + len(right.seen) == 40)
    assert sorted(left.seen) == [(n, 1) for n in range(0, 40, 2)]
    assert sorted(right.seen) == [(n, 1) for n in range(1, 40, 2)]
    begun = await connection.fetch("SELECT id, worker, name FROM begun")
    assert len(begun) == len({row["id"] for row in begun}) == 40
    assert len({(row["worker"], row["name"]) for row in begun}) == 2


async def test_jobs_that_nobody_knows_wait(connection, working, caplog):
    """They hold nobody up, the log says once which they are, and who knows them does them."""
    for n in range(30):
        await defer(connection, "strange", {"n": n})
    known, other = Notes(), Notes()
    await working([Job("note", known)], concurrency=1, lease=0.4)
    for n in range(5):
        await defer(connection, "note", {"n": n})
    await until(lambda: len(known.seen) == 5)
    await until(lambda: any("jobs named strange wait" in one for one in caplog.messages))
    untouched = await connection.fetch(
        "SELECT DISTINCT status::text, attempts, scheduled_at FROM plait_engine.procrastinate_jobs"
    )
    assert [tuple(row) for row in untouched] == [("todo", 0, None)]

    await working([Job("strange", other)], concurrency=2)
    await until(lambda: len(other.seen) == 30)
    assert sorted(other.seen) == [(n, 1) for n in range(30)]
    assert sum("jobs named strange wait" in one for one in caplog.messages) == 1


async def test_another_try_waits_in_the_same_queue(connection, working):
    """Whatever becomes of a job, only who knows it takes it up."""
    tries = []

    async def later(attempt):
        tries.append(attempt.number)
        if attempt.number < 3:
            raise TryAgain(0)

    await working([Job("note", Notes())])
    await working([Job("later", later)])
    await defer(connection, "later", {})
    await until(lambda: len(tries) == 3)
    assert tries == [1, 2, 3]


async def test_a_lock_counts_over_all_names(connection, working):
    """What comes after a job that nobody knows waits for it; cancelled in the queue both are gone."""
    notes = Notes()
    await defer(connection, "strange", {"n": 0}, lock="k")
    await defer(connection, "note", {"n": 1}, lock="k")
    await defer(connection, "note", {"n": 2})
    await working([Job("note", notes)])
    await until(lambda: notes.seen)
    await asyncio.sleep(0.2)
    assert notes.seen == [(2, 1)]
    assert await connection.fetchval("SELECT plait_cancel('k')") == 2
    await defer(connection, "note", {"n": 3}, lock="k")
    await until(lambda: len(notes.seen) == 2)
    assert notes.seen == [(2, 1), (3, 1)]


async def test_priorities_count_over_all_names(connection, working):
    """One worker with several names does the most urgent first, and of these the oldest."""
    done = []

    def noting(name):
        async def run(attempt):
            done.append((name, attempt.arguments["n"]))

        return Job(name, run)

    for n, (name, priority) in enumerate([("a", 0), ("b", 0), ("b", 5), ("a", 5), ("c", 9)]):
        await connection.execute(
            "SELECT plait_defer($1, jsonb_build_object('n', $2::int), priority => $3)",
            name,
            n,
            priority,
        )
    await working([noting("a"), noting("b"), noting("c")], concurrency=1)
    await until(lambda: len(done) == 5)
    assert done == [("c", 4), ("b", 2), ("a", 3), ("a", 0), ("b", 1)]


async def test_periodic_jobs_wait_in_the_queue_of_their_name(connection, working):
    """Workers that know them take them in turn; one that does not never does."""
    await connection.execute(BEGINNINGS)
    ticks, notes = [], Notes()

    async def tick(attempt):
        ticks.append(attempt.arguments["timestamp"])

    await working([Job("note", notes)])
    await working([Job("tick", tick, every="* * * * * */1")])
    await until(lambda: len(ticks) >= 2)
    assert await connection.fetchval("SELECT count(DISTINCT worker) FROM begun") == 1


async def test_many_names_are_looked_for_at_once(connection, working):
    """A worker of forty names asks no more often than one of a single name."""
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"ALTER DATABASE {database} SET track_functions = 'pl'")
    calls = (
        "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_user_functions "
        "WHERE funcname = 'procrastinate_fetch_job_v2'"
    )
    loop, poll = asyncio.get_running_loop(), 0.2
    started = loop.time()
    try:
        notes = Notes()
        await working([Job(f"name-{n}", notes) for n in range(40)], poll=poll)
        await until(lambda: connection.fetchval(calls))
        await asyncio.sleep(10 * poll)
        await defer(connection, "name-39", {"n": 1})
        await until(lambda: notes.seen)
        asked = await connection.fetchval(calls)
    finally:
        await connection.execute(f"ALTER DATABASE {database} RESET track_functions")
    # At the start, at each poll, at the news of the job and after it: never one for each name.
    assert asked <= (loop.time() - started) / poll + 4


@pytest.mark.parametrize("name", ["x" * 41, "ä" * 21])
async def test_the_name_of_a_job_is_bounded(connection, name):
    """PostgreSQL's channels have no longer ones: refused in words, before anything is written."""
    with pytest.raises(asyncpg.NameTooLongError, match=r"a job has at most 40 bytes; .* has 4"):
        await defer(connection, name, {})
    await defer(connection, name[:20], {})
    assert await _queues(connection) == [(name[:20], name[:20])]


# From the version before: one queue for all.


@pytest.fixture
async def former(fresh_database):
    """A database as the version before left it, with jobs in the queue `default`."""
    url = await fresh_database()
    await migrate.upgrade(url, MIGRATIONS, "0016")
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(
        "DROP TRIGGER job_queue ON plait_engine.procrastinate_jobs; "
        f"DROP FUNCTION plait_engine.job_queue(); {OLD_DEFER};"
    )
    for n in range(3):
        await defer(connection, "note", {"n": n})
    await connection.execute(
        "SET search_path = plait_engine; "
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE args = '{\"n\": 0}'; "
        "UPDATE procrastinate_jobs SET attempts = 1, scheduled_at = now() "
        "WHERE args = '{\"n\": 1}'; RESET ALL"
    )
    assert await _queues(connection) == [("default", "note")] * 3
    yield url, connection
    await connection.close(timeout=10)


def _by_migration(url):
    return migrate.upgrade(url, MIGRATIONS)


async def _by_script(url):
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(engine_where_absent())
        await connection.execute(engine_where_absent())
    finally:
        await connection.close(timeout=10)


@pytest.mark.parametrize("bring_up", [_by_migration, _by_script])
async def test_jobs_of_the_version_before_are_done(former, bring_up, caplog):
    """Under way, between two tries, or waiting; till then a worker says what it waits for."""
    url, connection = former
    notes = Notes()
    async with running(url, [Job("note", notes)], lease=1.0):
        await until(lambda: caplog.records)
        (told,) = caplog.records[0].fields["error"]
        assert "what `plait migrate sql` prints" in told["message"]
        assert await _queues(connection) == [("default", "note")] * 3
        await bring_up(url)
        await until(lambda: len(notes.seen) == 3)
    assert sorted(notes.seen) == [(0, 2), (1, 2), (2, 1)]


async def test_no_job_is_lost_while_the_queues_are_made(former):
    """What a transaction wrote down by the former function, committed while we wait for it."""
    url, connection = former
    async with asyncio.timeout(30):
        writing = connection.transaction()
        await writing.start()
        await defer(connection, "note", {"n": 3})
        moving = asyncio.create_task(migrate.upgrade(url, MIGRATIONS))
        aside = await asyncpg.connect(url, timeout=10)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = ("
        waiting += "SELECT oid FROM pg_database WHERE datname = current_database())"
        await until(lambda: aside.fetchval(waiting))
        # Who comes now waits behind the migration, with the former function already looked up.
        late = asyncio.create_task(defer(aside, "note", {"n": 4}))
        await until(lambda: _waiters(connection, waiting))
        await writing.commit()
        await asyncio.gather(moving, late)
        await aside.close(timeout=10)
    assert await _queues(connection) == [("note", "note")] * 5


async def _waiters(connection, waiting):
    return await connection.fetchval(waiting) >= 2


async def test_what_the_version_before_writes_down_finds_its_way(connection, working):
    """Its workers name the queue `default` for periodic jobs, and so did its function."""
    await connection.execute("SET search_path = plait_engine, public")
    await connection.execute(
        "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
        "VALUES ('note', 'default', '{\"n\": 1}')"
    )
    await connection.execute(
        "SELECT procrastinate_defer_periodic_job_v2("
        "'default', NULL, NULL, 'note', 0, 'note', 1, '{\"n\": 2}')"
    )
    assert await _queues(connection) == [("note", "note")] * 2
    notes = Notes()
    await working([Job("note", notes)])
    await until(lambda: len(notes.seen) == 2)
