"""Runs at odd moments: away workers, changed declarations, broken contexts, wrong words."""

import asyncio

import pytest
from workflows.conftest import ended, until

from gateway.errors import InputError, SourceConflict
from gateway.workflows.declaring import Workflow
from gateway.workflows.offering import MAX_VARIABLES


async def _nothing(_):
    pass


def _of(*names, **options):
    """A workflow of steps that do nothing, saved to `files`."""
    made = Workflow("w", datasources=["files"], targets=["files"], **options)
    for name in names:
        made.add(name, _nothing)
    return made


async def _failed_after(bench, workflow, request_id="r1"):
    """A run that failed in the last of the workflow's steps, after the others were saved."""

    async def fails(_):
        raise InputError("not now")

    workflow.add("last", fails)
    workflows = bench.offer(workflow)
    worker = await bench.work(workflows)
    await workflows.start(workflow.name, request_id)
    await ended(workflows, request_id)
    worker.cancel()
    await asyncio.wait({worker})
    return workflows


async def test_a_worker_that_was_away_for_too_long_keeps_no_context(bench, connection):
    """Another one took the run on and has saved: what it saved stays."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    made = Workflow("w", datasources=["files"], targets=["files"], attempts=1)

    @made.step
    async def one(_):
        begun.set()
        await go_on.wait()
        return "stale"

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    await begun.wait()
    await connection.execute("UPDATE plait_engine.workflow_runs SET attempt = attempt + 1")
    await bench.sources["files"].save("r1-one", "of the other")
    go_on.set()
    await until(lambda: _no_jobs(connection))
    assert await bench.sources["files"].load("r1-one") == "of the other"


async def _no_jobs(connection):
    return not await connection.fetchval(
        "SELECT count(*) FROM plait_engine.procrastinate_jobs WHERE status IN ('todo', 'doing')"
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("one", "last"), "begun when step 2 of w was two; now it is last, though"),
        (("two", "one", "last"), "begun when step 1 of w was one; now it is two, though"),
        (("one", "two", "last", "more"), "begun when step 4 of w was none; now it is more"),
    ],
)
async def test_other_steps_of_the_same_version_do_not_continue_a_run(bench, steps, said):
    """Neither by a start, nor by a worker that takes it on; and the run says which step it is."""
    await _failed_after(bench, _of("one", "two", attempts=1))
    changed = bench.offer(_of(*steps))
    with pytest.raises(InputError, match=f"The run 'r1' was {said}"):
        await changed.resume("r1")
    await bench.offer(_of("one", "two", "last")).resume("r1")
    await bench.work(changed)
    row = await ended(changed, "r1")
    assert row["status"] == "failed"
    assert said in row["error"]


async def test_a_target_that_the_settings_have_no_more_stops_the_run(bench):
    """Before a step is done for which there is no place; it says which there are."""
    made = _of("one", attempts=1)
    await bench.offer(made).start("w", "r1")
    del bench.sources["files"]
    left = bench.offer(Workflow("w", datasources=["rows"], targets=["rows"]))
    left.offered["w"].add("one", _nothing)
    await bench.work(left)
    row = await ended(left, "r1")
    assert row["error"] == "There is no datasource 'files' any more; there is cache, rows."


async def test_a_broken_context_is_as_good_as_none(bench):
    """The other target's is taken; where none is whole, the run says so."""
    made = Workflow("w", datasources=["files", "cache"], targets=["files", "cache"], attempts=1)
    made.add("one", _nothing)
    workflows = await _failed_after(bench, made)
    files = bench.sources["files"]._store
    (file,) = [one for one in files._path.iterdir() if b"r1-one" in one.read_bytes()]
    file.write_bytes(file.read_bytes()[:-3] + b"xxx")
    await bench.work(workflows)
    await workflows.resume("r1")

    async def says(words):
        return words in (await ended(workflows, "r1"))["error"]

    await until(lambda: says("not now"))
    await bench.sources["cache"].delete("r1-one")
    await workflows.resume("r1")
    await until(lambda: says("The context after step one is kept no longer"))


async def test_a_run_whose_context_cannot_be_read_now_waits_and_says_so(bench, connection):
    """It is no failure: once the datasource answers, the run goes on."""
    made = Workflow("w", datasources=["rows"], targets=["rows"], attempts=1)
    made.add("one", _nothing)
    workflows = await _failed_after(bench, made)
    await connection.execute("ALTER TABLE plait_context RENAME TO elsewhere")
    await bench.work(workflows)
    await workflows.resume("r1")

    async def waits():
        seen = await workflows.runs.seen("r1")
        return (seen.status, seen.steps[1].error or "") if seen.steps[1].error else None

    status, error = await until(waits)
    assert status == "running"
    assert error.startswith("It waits: ")
    await connection.execute("ALTER TABLE elsewhere RENAME TO plait_context")
    assert "not now" in (await ended(workflows, "r1"))["error"]


async def test_what_a_step_cancels_itself_is_its_own_failure(bench):
    """It is counted like any other, and does not begin again for ever."""
    made, tries = _of(attempts=2, pause=0.0), []

    async def cancels(_):
        tries.append(1)
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    made.add("one", cancels)
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    row = await ended(workflows, "r1")
    assert (row["status"], len(tries)) == ("failed", 2)


async def test_a_worker_that_stops_while_it_saves_has_not_failed(bench):
    """With a single try allowed, and a save that hangs: the next worker begins the step anew."""
    made, begun = Workflow("w", datasources=["files"], targets=["files"], attempts=1), []

    async def one(_):
        begun.append(1)

    made.add("one", one)
    workflows = bench.offer(made)
    busy = bench.sources["files"]._free
    for _ in range(8):
        await busy.acquire()
    worker = await bench.work(workflows, lease=0.4)
    await workflows.start("w", "r1")
    await until(lambda: begun)
    worker.cancel()
    await asyncio.wait({worker})
    assert (await workflows.runs.seen("r1")).steps[0].tries == 0
    for _ in range(8):
        busy.release()
    await bench.work(workflows)
    assert (await ended(workflows, "r1"))["status"] == "succeeded"


async def test_what_is_done_again_for_another_step_uses_up_no_tries(bench):
    """An unsaved step before one that fails again and again."""
    made, done = Workflow("w", attempts=3, pause=0.0), []

    async def unsaved(ctx):
        done.append(ctx.tries)
        if len(done) == 1:
            raise InputError("once")

    async def failing(_):
        raise InputError("always")

    made.add("unsaved", unsaved)
    made.add("failing", failing)
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    assert (await ended(workflows, "r1"))["error"] == "Step failing: always"
    assert done == [1, 2, 1, 1]


async def test_a_step_finds_what_a_resumed_run_would_find(bench):
    """The variables are JSON from the moment they are saved, not only after a crash."""
    made, found = _of(), []

    async def gives(_):
        return {"pair": (1, 2)}

    async def looks(ctx):
        found.append(ctx.vars["gives"])

    made.add("gives", gives)
    made.add("looks", looks)
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    await ended(workflows, "r1")
    assert found == [{"pair": [1, 2]}]


@pytest.mark.parametrize(
    ("done", "total", "said"),
    [
        (0.5, None, "whole numbers from 0"),
        ("half", None, "whole numbers from 0"),
        (1, -1, "whole numbers from 0"),
        (1, 2**53, "whole numbers from 0"),
        (True, 2**53 - 1, None),
    ],
)
async def test_progress_is_whole_numbers(bench, done, total, said):
    """Anything else fails the step in words, and leaves the run's record readable."""
    made = _of(attempts=1)

    async def tells(ctx):
        await ctx.progress(done, total)

    made.add("tells", tells)
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    row = await ended(workflows, "r1")
    if said is None:
        assert (row["status"], row["steps"][0].done) == ("succeeded", 1)
    else:
        assert said in row["error"]


async def test_an_error_of_a_step_is_told_in_what_the_database_takes(bench):
    """Neither NUL nor half a surrogate, and of a bounded length."""
    made = _of(attempts=1)

    async def fails(_):
        raise InputError("a\0b\ud800c" + "x" * 10_000)

    made.add("fails", fails)
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("w", "r1")
    error = (await ended(workflows, "r1"))["error"]
    assert error.startswith("Step fails: a\ufffdb?cxxx")
    assert len(error) < 2_100


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"n": 2**64}, "cannot be written as JSON"),
        ({"text": "a\0"}, "holds the character NUL"),
        ({"a\0": 1}, "holds the character NUL"),
        ({"text": "y" * MAX_VARIABLES}, "at most 100000 bytes"),
    ],
)
async def test_variables_that_cannot_be_kept_are_refused(bench, variables, said):
    """In words that say why, before there is a run."""
    workflows = bench.offer(_of("one"))
    with pytest.raises(InputError, match=said):
        await workflows.start("w", "r1", variables)
    with pytest.raises(InputError, match="There is no run"):
        await workflows.cancel("r1")


async def test_variables_stay_what_they_are(bench):
    """Large numbers and texts that only look like an escaped NUL."""
    given = {"large": 1e22, "text": "\\u0000", "most": 2**63 - 1}
    workflows = bench.offer(_of("one"))
    await bench.work(workflows)
    await workflows.start("w", "r1", given)
    assert (await ended(workflows, "r1"))["status"] == "succeeded"
    assert (await bench.sources["files"].load("r1-one"))["vars"] == given


async def test_a_run_is_not_resumed_while_it_is_forgotten(bench, connection):
    """Who comes meanwhile waits, and learns that it is gone; its contexts are not half deleted."""
    workflows = await _failed_after(bench, _of("one", attempts=1))
    await connection.execute("UPDATE plait_engine.workflow_runs SET ended_at = 'yesterday'")
    clearing, go_on = asyncio.Event(), asyncio.Event()

    async def cleared(steps):
        assert [step.name for step in steps] == ["one", "last"]
        clearing.set()
        await go_on.wait()
        return True

    forgetting = asyncio.create_task(workflows.runs.forget("r1", 60.0, cleared))
    await clearing.wait()
    assert not await workflows.runs.forget("r1", 60.0, cleared)  # one at a time
    resuming = asyncio.create_task(workflows.start("w", "r1"))
    await asyncio.sleep(0.1)
    assert not resuming.done()
    go_on.set()
    assert await forgetting
    with pytest.raises(SourceConflict, match="forgotten just now"):
        await resuming
    await workflows.start("w", "r1")


async def test_a_run_whose_contexts_cannot_be_deleted_is_kept(bench, connection):
    """Until they can."""
    workflows = await _failed_after(bench, _of("one", attempts=1))
    await connection.execute("UPDATE plait_engine.workflow_runs SET ended_at = 'yesterday'")

    async def away(_):
        return False

    assert not await workflows.runs.forget("r1", 60.0, away)
    assert (await workflows.runs.seen("r1")).status == "failed"


async def test_a_context_is_shown_from_any_target_that_keeps_it(bench, connection):
    """The first that has it; an error only where nobody else does."""
    made = Workflow("w", datasources=["rows", "cache"], targets=["rows", "cache"], attempts=1)
    made.add("one", _nothing)
    workflows = await _failed_after(bench, made)
    deadline = asyncio.get_running_loop().time() + 60.0

    async def shown(*targets):
        return (await workflows.context(targets, "r1-one", deadline) or {}).get("step")

    await bench.sources["rows"].delete("r1-one")
    assert await shown("rows", "cache") == "one"
    assert await shown("rows", "gone") is None
    await connection.execute("ALTER TABLE plait_context RENAME TO elsewhere")
    try:
        assert await shown("rows", "cache") == "one"
        with pytest.raises(Exception, match="database") as caught:
            await shown("rows", "gone")
        assert caught.type.__name__.startswith("Source")
    finally:
        await connection.execute("ALTER TABLE elsewhere RENAME TO plait_context")


async def test_a_run_that_another_worker_holds_is_left_to_it(bench, connection):
    """Started and resumed again meanwhile: nothing is done twice, and no job is left behind."""
    made, begun, go_on = _of(), [], asyncio.Event()

    async def waits(ctx):
        begun.append(ctx.tries)
        await go_on.wait()

    made.add("waits", waits)
    workflows = bench.offer(made)
    for _ in range(2):
        await bench.work(workflows)
    await asyncio.gather(*(workflows.start("w", "r1") for _ in range(10)))
    await until(lambda: begun)
    await asyncio.gather(*(workflows.resume("r1") for _ in range(10)))
    go_on.set()
    assert (await ended(workflows, "r1"))["status"] == "succeeded"
    await until(lambda: _no_jobs(connection))
    assert begun == [1]


async def test_a_step_that_kills_its_workers_fails_in_the_end(bench, connection):
    """A try that nobody ended counts as one."""
    workflows = bench.offer(_of("one", attempts=2))
    await workflows.start("w", "r1")
    await connection.execute(
        """UPDATE plait_engine.workflow_runs SET status = 'running', attempt = 2,
        record = jsonb_set(jsonb_set(record, '{0,state}', '"running"'), '{0,tries}', '2')"""
    )
    await bench.work(workflows)
    row = await ended(workflows, "r1")
    assert row["error"] == "Step one: Its worker ended in each of 2 tries."
