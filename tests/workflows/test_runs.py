"""Runs: every step once, the context kept after each, continued after the last one that was."""

import asyncio

import pytest
from workflows.conftest import Bench, ended, until

from gateway.errors import InputError, PlaitError
from gateway.viewer import ANONYMOUS, Viewer
from gateway.workflows.declaring import Workflow


def states(row):
    return [step.state.value for step in row["steps"]]


async def test_steps_run_in_order_and_leave_contexts(bench):
    """After each step the context is under `${request.id}-${stepName}`; results are variables."""
    made = Workflow("plain", datasources=["files", "cache"], targets=["files", "cache"])

    @made.step
    async def first(ctx):
        return {"n": ctx.vars["start"] + 1}

    @made.step(target="cache", key="own/${workflow.name}/${request.id}")
    async def second(ctx):
        ctx.vars["extra"] = [ctx.request.id, ctx.step, ctx.key, ctx.tries]
        return ctx.vars["first"]["n"] * 10

    @made.step(save=False)
    async def third(ctx):
        ctx.vars["lost"] = True

    workflows = bench.offer(made)
    await bench.work(workflows)
    assert await workflows.start("plain", "r1", {"start": 1}) == "r1"
    row = await ended(workflows, "r1")

    assert (row["status"], states(row), row["error"]) == (
        "succeeded",
        ["saved", "saved", "done"],
        None,
    )
    for name in ("files", "cache"):
        kept = await bench.sources[name].load("r1-first")
        assert kept["vars"] == {"start": 1, "first": {"n": 2}}
        assert (kept["run"], kept["step"], kept["workflow"]) == ("r1", "first", "plain")
    kept = await bench.sources["cache"].load("own/plain/r1")
    assert kept["vars"]["second"] == 20
    assert kept["vars"]["extra"] == ["r1", "second", "r1-second", 1]
    assert not await bench.sources["files"].exists("r1-second")
    assert await bench.sources["files"].keys() == ["r1-first"]


async def test_a_failed_step_is_tried_again_and_then_stops_the_run(bench):
    """Up to the bound; the error of ours is told, another one only by an id."""
    tries = []
    made = Workflow("failing", datasources=["files"], targets=["files"], attempts=3, pause=0.0)

    @made.step
    async def good(_):
        tries.append("good")

    @made.step
    async def bad(_):
        tries.append("bad")
        if len(tries) < 4:
            raise ValueError("hunter2")
        raise InputError("The ledger is closed.")

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("failing", "r1")
    row = await ended(workflows, "r1")

    assert tries == ["good", "bad", "bad", "bad"]
    assert (row["status"], states(row)) == ("failed", ["saved", "failed"])
    assert row["error"] == "Step bad: The ledger is closed."
    assert "hunter2" not in str(row)


async def test_a_run_continues_after_its_last_saved_step(bench):
    """Started again with its id, or resumed: what was saved is not done again."""
    done, broken = [], [True]
    made = Workflow("resuming", datasources=["files"], targets=["files"], attempts=1)

    @made.step
    async def one(_):
        done.append("one")
        return 1

    @made.step
    async def two(ctx):
        done.append("two")
        if broken:
            raise ValueError
        return ctx.vars["one"] + 1

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("resuming", "r1")
    assert (await ended(workflows, "r1"))["status"] == "failed"
    await workflows.resume("r1")
    await until(lambda: done.count("two") == 2)
    assert (await ended(workflows, "r1"))["status"] == "failed"
    broken.clear()
    await workflows.start("resuming", "r1")

    async def succeeded():
        return (await ended(workflows, "r1"))["status"] == "succeeded"

    await until(succeeded)
    assert done == ["one", "two", "two", "two"]
    assert (await bench.sources["files"].load("r1-two"))["vars"] == {"one": 1, "two": 2}
    await workflows.start("resuming", "r1")  # it has succeeded: nothing happens
    assert (await ended(workflows, "r1"))["status"] == "succeeded"
    assert len(done) == 4


async def test_what_is_not_saved_is_done_again(bench):
    """Resuming goes back to the last saved step, though later ones were done."""
    done, broken = [], [True]
    made = Workflow("gaps", datasources=["files"], targets=["files"], attempts=1, auto_save=False)

    @made.step(target="files")
    async def kept(ctx):
        ctx.vars["n"] = 1
        done.append("kept")

    @made.step
    async def unkept(ctx):
        ctx.vars["n"] += 1
        done.append("unkept")

    @made.step
    async def last(ctx):
        done.append(ctx.vars["n"])
        if broken:
            raise ValueError

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("gaps", "r1")
    await ended(workflows, "r1")
    broken.clear()
    await workflows.resume("r1")
    await until(lambda: len(done) == 5)
    assert done == ["kept", "unkept", 2, "unkept", 2]


async def test_a_save_that_fails_stops_the_run_at_once(bench):
    """No further try and no further step; the last good state stays, and resuming goes on from it."""
    done = []
    made = Workflow("saving", datasources=["files", "rows"], targets=["files", "rows"])

    @made.step
    async def good(_):
        done.append("good")
        return "g"

    @made.step
    async def large(_):
        done.append("large")
        return "x" if done.count("large") > 1 else object()

    @made.step
    async def after(ctx):
        done.append(ctx.vars["good"])

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("saving", "r1")
    row = await ended(workflows, "r1")
    assert (row["status"], states(row)) == ("failed", ["saved", "failed", "pending"])
    assert row["error"].startswith("Step large: its context could not be saved to files: ")
    assert done == ["good", "large"]
    assert (await bench.sources["rows"].load("r1-good"))["vars"] == {"good": "g"}
    await workflows.resume("r1")
    await until(lambda: "g" in done)
    assert done == ["good", "large", "large", "g"]


async def test_a_target_that_fails_in_mid_run_stops_it_and_resuming_works(bench, connection):
    """The second of two targets goes away between two steps."""
    made = Workflow("away", datasources=["files", "rows"], targets=["files", "rows"], attempts=1)
    done = []

    @made.step
    async def one(_):
        done.append("one")

    @made.step
    async def two(_):
        done.append("two")
        if len(done) == 2:
            await connection.execute("ALTER TABLE plait_context RENAME TO elsewhere")

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("away", "r1")
    row = await ended(workflows, "r1")
    assert row["status"] == "failed"
    assert "could not be saved to rows" in row["error"]
    await connection.execute("ALTER TABLE elsewhere RENAME TO plait_context")
    await workflows.resume("r1")
    await until(lambda: len(done) >= 3)
    row = await ended(workflows, "r1")
    assert (row["status"], done) == ("succeeded", ["one", "two", "two"])


async def test_a_context_too_large_is_a_clear_error(bench):
    """The bound of the datasource, by name and number."""
    made = Workflow("large", datasources=["files"], targets=["files"])

    @made.step
    async def heavy(_):
        return "x" * (1 << 20)

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("large", "r1")
    row = await ended(workflows, "r1")
    assert row["status"] == "failed"
    assert "could not be saved to files" in row["error"]
    assert str(1 << 20) in row["error"]


async def test_a_context_saved_but_not_noted_is_found_again(bench, connection):
    """A crash between saving and noting costs no second doing of the step."""
    done = []
    made = Workflow("noted", datasources=["files"], targets=["files"])

    @made.step
    async def one(_):
        done.append("one")
        return 1

    @made.step
    async def two(ctx):
        done.append(ctx.vars["one"])

    workflows = bench.offer(made)
    worker = await bench.work(workflows)
    await workflows.start("noted", "r1")
    await ended(workflows, "r1")
    worker.cancel()
    # As a killed worker would have left it: the first step under way, the second not begun.
    await connection.execute(
        """
        UPDATE plait_engine.workflow_runs SET status = 'running', ended_at = NULL, record =
            '[{"name": "one", "state": "running", "tries": 1, "targets": ["files"],
               "key": "r1-one"},
              {"name": "two", "state": "pending", "targets": ["files"], "key": "r1-other"}]'
        """
    )
    await bench.work(workflows)
    await workflows.resume("r1")
    row = await ended(workflows, "r1")
    assert (row["status"], done) == ("succeeded", ["one", 1, 1])


async def test_another_runs_context_is_not_taken_for_ones_own(bench):
    """What lies under a step's key is only believed where it names the run."""
    made = Workflow("foreign", datasources=["files"], targets=["files"], attempts=2, pause=0.0)
    tries = []

    @made.step
    async def one(_):
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return "own"

    await bench.sources["files"].save("r1-one", {"run": "r1", "vars": {"one": "foreign"}})
    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("foreign", "r1")
    await ended(workflows, "r1")
    assert len(tries) == 2
    assert (await bench.sources["files"].load("r1-one"))["vars"] == {"one": "own"}


async def test_cancelling_interrupts_the_step_and_resuming_goes_on(bench):
    """The run ends at once; later it goes on with the step that was interrupted."""
    begun, go_on, interrupted = asyncio.Event(), asyncio.Event(), []
    made = Workflow("cancelled", datasources=["files"], targets=["files"])

    @made.step
    async def one(_):
        return 1

    @made.step
    async def waits(ctx):
        begun.set()
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            interrupted.append(ctx.tries)
            raise

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("cancelled", "r1")
    await begun.wait()
    await workflows.cancel("r1")
    row = await ended(workflows, "r1")
    assert (row["status"], states(row)) == ("cancelled", ["saved", "cancelled"])
    await until(lambda: interrupted)
    await workflows.cancel("r1")  # it has ended: nothing happens
    go_on.set()
    await workflows.resume("r1")

    async def succeeded():
        return (await ended(workflows, "r1"))["status"] == "succeeded"

    await until(succeeded)


async def test_a_worker_that_lost_its_run_stops_and_writes_nothing(bench, connection):
    """Another one took it on: the next note of the first is refused, and its step ends."""
    begun, go_on, steps = asyncio.Event(), asyncio.Event(), []
    made = Workflow("lost", datasources=["files"], targets=["files"], attempts=1)

    @made.step
    async def one(ctx):
        begun.set()
        await go_on.wait()
        await ctx.progress(1, 2)
        steps.append("went on")

    @made.step
    async def two(_):
        steps.append("two")

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("lost", "r1")
    await begun.wait()
    await connection.execute("UPDATE plait_engine.workflow_runs SET attempt = attempt + 1")
    go_on.set()
    await until(lambda: _no_jobs(connection))
    assert steps == []
    row = await connection.fetchrow(
        "SELECT status::text, attempt, record::text AS record FROM plait_engine.workflow_runs"
    )
    assert (row["status"], row["attempt"]) == ("running", 2)


async def _no_jobs(connection):
    return not await connection.fetchval(
        "SELECT count(*) FROM plait_engine.procrastinate_jobs WHERE status IN ('todo', 'doing')"
    )


async def test_a_worker_that_stops_hands_its_run_over(bench):
    """A step that is interrupted so has not failed: with a single try allowed it is begun anew."""
    begun = []
    go_on = asyncio.Event()
    made = Workflow("handed", datasources=["files"], targets=["files"], attempts=1)

    @made.step
    async def waits(ctx):
        begun.append(ctx.tries)
        await go_on.wait()

    workflows = bench.offer(made)
    worker = await bench.work(workflows, lease=0.4)
    await workflows.start("handed", "r1")
    await until(lambda: begun)
    worker.cancel()
    await asyncio.wait([worker])
    await bench.work(workflows)
    await until(lambda: len(begun) == 2)
    go_on.set()
    row = await ended(workflows, "r1")
    assert (row["status"], begun) == ("succeeded", [1, 1])


async def test_a_step_that_takes_too_long_has_failed(bench):
    """The workflow's own bound ends it."""
    made = Workflow("slow", timeout=0.01, attempts=1)

    @made.step
    async def forever(_):
        await asyncio.sleep(600)

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("slow", "r1")
    row = await ended(workflows, "r1")
    assert row["error"] == "Step forever: it took too long."


async def test_a_hundred_runs_at_once_do_not_touch_each_other(bench, connection):
    """Two workers, three targets: every run has its own keys and its own numbers."""
    names = ["files", "cache", "rows"]
    made = Workflow("many", datasources=names, targets=names)

    @made.step
    async def square(ctx):
        await asyncio.sleep(0)
        return ctx.vars["n"] ** 2

    @made.step
    async def text(ctx):
        await ctx.source("cache").save(f"{ctx.key}-own", ctx.vars["square"])
        return f"{ctx.request.id}:{await ctx.datasource('cache', f'{ctx.key}-own')}"

    workflows = bench.offer(made)
    for _ in range(2):
        await bench.work(workflows, concurrency=20)
    await asyncio.gather(*(workflows.start("many", f"m{n}", {"n": n}) for n in range(100)))

    async def all_ended():
        return await connection.fetchval(
            "SELECT count(*) = 100 FROM plait_engine.workflow_runs WHERE status = 'succeeded'"
        )

    await until(all_ended, 60)
    expected = {f"m{n}": {"n": n, "square": n * n, "text": f"m{n}:{n * n}"} for n in range(100)}
    for name in names:
        kept = await bench.sources[name].load_batch([f"m{n}-text" for n in range(100)])
        assert {key.removesuffix("-text"): one["vars"] for key, one in kept.items()} == expected
        assert await bench.sources[name].size() == (300 if name == "cache" else 200)
    most = await connection.fetchval("SELECT max(attempt) FROM plait_engine.workflow_runs")
    assert most == 1


async def test_two_workflows_meet_in_a_shared_source(bench):
    """One waits for what the other keeps, by trying again."""
    producer = Workflow("producer", datasources=["cache"], targets=["cache"])
    consumer = Workflow("consumer", datasources=["cache"], attempts=50, pause=0.05)

    @producer.step
    async def make(ctx):
        await ctx.source("cache").save("shared/result", {"of": ctx.request.id})

    @consumer.step
    async def take(ctx):
        found = await ctx.datasource("cache", "shared/result")
        if found is None:
            raise InputError("There is no result yet.")
        await ctx.source("cache").save("shared/taken", found)

    workflows = bench.offer(producer, consumer)
    await bench.work(workflows)
    await workflows.start("consumer", "c1")
    await workflows.start("producer", "p1")
    assert (await ended(workflows, "c1"))["status"] == "succeeded"
    assert await bench.sources["cache"].load("shared/taken") == {"of": "p1"}


async def test_steps_reach_what_their_workflow_lists_and_the_gateway(bench):
    """Any other source is an error that lists them."""
    made = Workflow("reach", datasources=["cache"], attempts=1)

    @made.step
    async def asks(ctx):
        return await ctx.query("{ answer }", {"a": 1})

    @made.step
    async def beyond(ctx):
        await ctx.datasource("files", "x")

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("reach", "r1")
    row = await ended(workflows, "r1")
    assert bench.asked == [("{ answer }", {"a": 1})]
    assert "no datasource 'files'; available: cache" in row["error"]


@pytest.mark.parametrize(
    ("name", "request_id", "variables", "said"),
    [
        ("nothing", "r", None, "There is no workflow 'nothing'; there is a, b."),
        ("a", "../r", None, "`requestId` is"),
        ("a", "x" * 129, None, "`requestId` is"),
        ("a", "r", [1], "`variables` is a JSON object."),
        ("a", "r", {"x": "y" * 100_000}, "at most 100000 bytes"),
        ("b", "taken", None, "belongs to a run of another workflow"),
    ],
)
async def test_wrong_starts_are_refused(bench, name, request_id, variables, said):
    """With words that say what would be right."""
    workflows = bench.offer(_empty("a"), _empty("b"))
    await workflows.start("a", "taken")
    with pytest.raises(InputError) as caught:
        await workflows.start(name, request_id, variables)
    assert said in caught.value.message
    for act in (workflows.resume, workflows.cancel):
        with pytest.raises(InputError, match="There is no run 'none'"):
            await act("none")


def _empty(name, version=1):
    made = Workflow(name, version=version)

    @made.step
    async def nothing(_):
        pass

    return made


async def test_another_version_does_not_continue_a_run(bench):
    """Neither by a start, nor by a worker that takes it on."""
    await bench.offer(_empty("a")).start("a", "r1")
    newer = bench.offer(_empty("a", version=2))
    with pytest.raises(InputError, match=r"version 1 of a; now there is version 2"):
        await newer.start("a", "r1")
    await bench.work(newer)
    row = await ended(newer, "r1")
    assert row["error"] == "The run was begun by version 1 of a; now there is version 2."


async def test_a_run_of_a_workflow_that_is_gone_fails(bench):
    """It says which ones there are."""
    await bench.offer(_empty("a")).start("a", "r1")
    left = bench.offer(_empty("b"))
    await bench.work(left)
    row = await ended(left, "r1")
    assert row["error"] == "There is no workflow 'a' any more; there is b."


async def test_a_context_that_expired_cannot_be_resumed(bench):
    """The run says so instead of beginning in the middle with nothing."""
    made = Workflow("expired", datasources=["files"], targets=["files"], attempts=1)

    @made.step
    async def one(_):
        pass

    @made.step
    async def two(_):
        raise ValueError

    workflows = bench.offer(made)
    await bench.work(workflows)
    await workflows.start("expired", "r1")
    await ended(workflows, "r1")
    await bench.sources["files"].delete("r1-one")
    await workflows.resume("r1")

    async def said():
        return "kept no longer" in (await ended(workflows, "r1"))["error"]

    await until(said)


def test_only_the_named_roles_run_workflows():
    """Without roles nobody may; `*` is anybody."""
    bench = Bench("postgresql://nowhere", {})
    editor = Viewer("ed", frozenset({"editor"}))
    bench.offer(runners="*").permit(ANONYMOUS)
    bench.offer(runners="editor admin").permit(editor)
    for runners in ("", "admin"):
        with pytest.raises(PlaitError, match="may not run"):
            bench.offer(runners=runners).permit(editor)


async def test_old_runs_are_forgotten_with_their_contexts(bench, connection):
    """Those that ended long enough ago; jobs that failed as well."""
    made = Workflow("old", datasources=["files", "cache"], targets=["files", "cache"])

    @made.step
    async def one(_):
        pass

    workflows = bench.offer(made, keep=60.0)
    await bench.work(workflows)
    for n in range(3):
        await workflows.start("old", f"o{n}")
        await ended(workflows, f"o{n}")
    await connection.execute(
        "UPDATE plait_engine.workflow_runs SET ended_at = now() - interval '61 s' WHERE id <> 'o2'"
    )
    assert await workflows.retention.forget() == 2
    assert await bench.sources["files"].keys() == ["o2-one"]
    assert await bench.sources["cache"].keys() == ["o2-one"]
    assert await connection.fetchval("SELECT array_agg(id) FROM plait_engine.workflow_runs") == [
        "o2"
    ]
