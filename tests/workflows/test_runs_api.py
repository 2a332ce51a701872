"""Runs in GraphQL: started, seen, listed, heard of; and who may do so."""

import asyncio
import time
from contextlib import asynccontextmanager

import orjson
import pytest
from workflows.conftest import until

from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.execution.exchange import GraphQLRequest
from gateway.settings import load
from gateway.viewer import ANONYMOUS, Viewer
from gateway.working import working

EDITOR = Viewer("ed", frozenset({"editor"}))
ADMIN = Viewer("al", frozenset({"admin"}))
AUDITOR = Viewer("au", frozenset({"auditor"}))
DOCUMENT = """{
  "name": "spoken", "version": 3, "datasources": ["notes"],
  "persistence": {"targets": ["notes"], "keyPattern": "${request.id}/${stepName}"},
  "steps": [
    {"name": "first", "node": "shout", "inputs": {"text": "${ctx.vars.word}!", "times": 2}},
    {"name": "second", "node": "shout", "persistence": {"target": "notes", "key": "last/${request.id}"},
     "inputs": {"text": "${ctx.vars.first.said} ${ctx.request.id} ${ctx.datasource('notes', 'name')}"}}
  ]
}"""


@asynccontextmanager
async def serving(url, folder, **more):
    """A gateway of the library, opened, with its worker inside."""
    variables = {
        "POSTGRES_URL": url,
        "PLAIT_RESOLVERS": "workflows.library",
        "DATASOURCE_NOTES_TYPE": "filesystem",
        "DATASOURCE_NOTES_PATH": str(folder / "notes"),
        "PLAIT_WORKFLOWS_ENABLED": "count",
        "PLAIT_WORKFLOWS_RUN": "editor",
        "PLAIT_WORKFLOWS_READ": "auditor",
        "PLAIT_JOBS_INSIDE": "true",
        "PLAIT_JOBS_LEASE_SECONDS": "2",
        **more,
    }
    settings = load(environ={name: one for name, one in variables.items() if one})
    gateway = Gateway(settings)
    await gateway.open()
    try:
        async with working(settings, gateway.jobs()):
            yield gateway
    finally:
        await gateway.close()


@pytest.fixture
async def served(url, connection, tmp_path):
    """The gateway, with a document beside the domain's workflows."""
    del connection
    document = tmp_path / "spoken.json"
    document.write_text(DOCUMENT)
    async with serving(url, tmp_path, PLAIT_WORKFLOWS_DOCUMENTS=str(document)) as gateway:
        yield gateway


async def ask(gateway, query, viewer=EDITOR, **variables):
    """The answer as JSON."""
    answer = await gateway.engine.answer(
        GraphQLRequest(query, None, variables),
        viewer,
        allow_mutations=True,
        deadline=time.monotonic() + 10,
    )
    return orjson.loads(answer.body)


async def finished(gateway, request_id, viewer=EDITOR):
    """The run's fields once it has ended."""

    async def look():
        body = await ask(
            gateway,
            """query($id: ID!) { workflowRun(id: $id) {
                id workflow version status error variables endedAt
                steps { name state tries done total savedAt context } } }""",
            viewer,
            id=request_id,
        )
        run = body["data"]["workflowRun"]
        return run if run["endedAt"] else None

    return await until(look)


async def test_a_run_is_started_and_seen(served):
    """Its steps with their states and contexts; the gateway was asked as the workflow."""
    body = await ask(
        served,
        """mutation { startWorkflow(name: "count", requestId: "g1", variables: {x: 1}) {
            id workflow steps { name state } } }""",
    )
    assert body["data"]["startWorkflow"]["id"] == "g1"
    assert [step["name"] for step in body["data"]["startWorkflow"]["steps"]] == ["look", "store"]
    run = await finished(served, "g1")
    look, store = run.pop("steps")
    del run["endedAt"]
    assert run == {
        "id": "g1",
        "workflow": "count",
        "version": 1,
        "status": "SUCCEEDED",
        "error": None,
        "variables": {"x": 1},
    }
    assert (look["state"], look["tries"], store["done"], store["total"]) == ("SAVED", 1, 1, 2)
    assert look["savedAt"]
    assert look["context"]["vars"] == {"x": 1, "look": "workflow:count robot"}
    assert await served.datasources.get("notes").load("found") == "workflow:count robot"


async def test_a_document_runs_with_its_inputs_filled(served):
    """Variables, the request id and a kept value; texts that are one hole keep their type."""
    await served.datasources.get("notes").save("name", "Ada")
    await ask(
        served,
        'mutation { startWorkflow(name: "spoken", requestId: "g2", variables: {word: "ha"}) { id } }',
    )
    run = await finished(served, "g2")
    assert (run["version"], run["status"]) == (3, "SUCCEEDED")
    kept = await served.datasources.get("notes").load("last/g2")
    assert kept["vars"]["second"] == {"said": "ha!ha! g2 Ada", "by": "second"}
    assert await served.datasources.get("notes").exists("g2/first")


async def test_runs_are_listed_filtered_and_counted(served):
    """By the machinery of any entity: pages, conditions, order."""
    for n in range(5):
        await ask(
            served, f'mutation {{ startWorkflow(name: "count", requestId: "l{n}") {{ id }} }}'
        )
        await finished(served, f"l{n}")
    body = await ask(
        served,
        """{ workflowRuns(first: 2, orderBy: [{ id: DESC }], where: {
            workflow: { eq: "count" }, status: { eq: SUCCEEDED } }) {
            totalCount pageInfo { hasNextPage } nodes { id steps { name } } } }""",
    )
    assert "errors" not in body, body
    runs = body["data"]["workflowRuns"]
    assert [node["id"] for node in runs["nodes"]] == ["l4", "l3"]
    assert (runs["totalCount"], runs["pageInfo"]["hasNextPage"]) == (5, True)


async def test_a_failed_start_says_why(served):
    """An unknown workflow lists those that are offered; others may not start any."""
    cases = [
        ('startWorkflow(name: "hidden")', EDITOR, "BAD_USER_INPUT", "there is count, spoken."),
        ('startWorkflow(name: "count")', ANONYMOUS, "UNAUTHENTICATED", "Sign in"),
        ('startWorkflow(name: "count")', ADMIN, "FORBIDDEN", "You may not use `startWorkflow`."),
        ('startWorkflow(name: "count")', AUDITOR, "FORBIDDEN", "You may not run workflows."),
        ('resumeWorkflow(id: "none")', EDITOR, "BAD_USER_INPUT", "There is no run 'none'."),
        ('cancelWorkflow(id: "none")', AUDITOR, "FORBIDDEN", "You may not run workflows."),
    ]
    for field, viewer, code, said in cases:
        body = await ask(served, f"mutation {{ {field} {{ id }} }}", viewer)
        (error,) = body["errors"]
        assert said in error["message"]
        assert error["extensions"]["code"] == code


async def test_runs_are_for_who_may_run_them_whichever_way_they_are_asked_for(served):
    """A run may hold anything: the type itself is closed, not just its root fields."""
    await ask(served, 'mutation { startWorkflow(name: "count", requestId: "n1") { id } }')
    seen = await ask(served, '{ workflowRun(id: "n1") { nodeId variables } }')
    node = seen["data"]["workflowRun"]["nodeId"]
    for query in (
        '{ workflowRun(id: "n1") { variables } }',
        f'{{ node(nodeId: "{node}") {{ ... on WorkflowRun {{ variables }} }} }}',
    ):
        for viewer in (ANONYMOUS, ADMIN):
            body = await ask(served, query, viewer)
            assert body["errors"]
            assert "variables" not in str(body.get("data"))


@pytest.mark.parametrize(
    ("run", "read", "seeing"),
    [
        ("clerk", "", {"clerk"}),
        ("clerk boss", "auditor", {"clerk", "boss", "auditor"}),
        ("*", "", {"clerk", "boss", "auditor", "editor", "admin", "*"}),
        ("", "*", {"clerk", "boss", "auditor", "editor", "admin", "*"}),
        ("", "", set()),
    ],
)
@pytest.mark.usefixtures("connection")
async def test_the_settings_say_who_sees_runs(url, tmp_path, run, read, seeing):
    """Who may start them, and who may read; never strangers. The engine knows no role by its name."""
    settings = {"PLAIT_WORKFLOWS_RUN": run, "PLAIT_WORKFLOWS_READ": read}
    async with serving(url, tmp_path, **settings) as gateway:
        for role in ("clerk", "boss", "auditor", "editor", "admin", "*", None):
            viewer = ANONYMOUS if role is None else Viewer("v", frozenset({role}))
            body = await ask(gateway, "{ workflowRuns(first: 1) { nodes { id } } }", viewer)
            assert ("errors" not in body) is (role in seeing), (role, body)


@pytest.mark.parametrize("run", ["clerk", "*"])
@pytest.mark.usefixtures("connection")
async def test_who_starts_a_run_sees_it(url, tmp_path, run):
    """At once, in the answer to the mutation, and when it has ended."""
    async with serving(url, tmp_path, PLAIT_WORKFLOWS_RUN=run) as gateway:
        body = await ask(
            gateway,
            'mutation { startWorkflow(name: "count", requestId: "c1") { id workflow } }',
            Viewer("c", frozenset({"clerk"})),
        )
        assert body == {"data": {"startWorkflow": {"id": "c1", "workflow": "count"}}}
        await finished(gateway, "c1", Viewer("c", frozenset({"clerk"})))


async def test_without_workflows_there_are_none(url, connection, tmp_path):
    """The schema is the same; nothing of the job engine runs."""
    del connection
    async with serving(url, tmp_path, PLAIT_WORKFLOWS_ENABLED="") as gateway:
        assert gateway.workflows is None
        assert list(gateway.jobs()) == []
        body = await ask(gateway, 'mutation { startWorkflow(name: "count") { id } }')
        assert "the settings enable none" in body["errors"][0]["message"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PLAIT_WORKFLOWS_ENABLED": "count other"}, "no workflow 'other'; it declares count, hid"),
        ({"DATASOURCE_NOTES_TYPE": ""}, "there is no datasource.notes (DATASOURCE_NOTES_TYPE)"),
        ({"PLAIT_WORKFLOWS_DOCUMENTS": "none.json"}, "none.json: it cannot be read"),
        ({"POSTGRES_URL": ""}, "postgres.default.url (POSTGRES_URL): workflows keep their runs"),
    ],
)
async def test_wrong_settings_stop_start_up(url, tmp_path, variables, said):
    """And name what is missing."""
    if "DATASOURCE_NOTES_TYPE" in variables:
        variables = {**variables, "DATASOURCE_NOTES_PATH": ""}
    with pytest.raises(ConfigurationError) as caught:
        async with serving(url, tmp_path, **variables):
            pass
    assert said in caught.value.message


async def test_progress_is_heard_of(served):
    """A subscription tells of each change of a run, with its steps as they then are."""
    heard = []
    query = """subscription { workflowRunChanged(id: "s1") {
        operation workflowRun { status steps { name state } } } }"""

    async def listen():
        async for answer in served.subscriptions.stream(GraphQLRequest(query), lambda: EDITOR):
            run = orjson.loads(answer.body)["data"]["workflowRunChanged"]["workflowRun"]
            if run is not None:
                heard.append((run["status"], [step["state"] for step in run["steps"]]))

    listener = asyncio.create_task(listen())
    await until(lambda: listener.done() or served.changes["default"].figures()["subscribers"])
    assert not listener.done(), listener.result()
    await ask(served, 'mutation { startWorkflow(name: "count", requestId: "s1") { id } }')
    await until(lambda: ("SUCCEEDED", ["SAVED", "SAVED"]) in heard)
    listener.cancel()
    await asyncio.wait([listener])
    assert len(heard) > 1
