"""GraphiQL in a real browser, on a real server with a schema of its own."""

import contextlib
import json
import socket
import threading

import pytest
import uvicorn
from chromium import LOOPBACK, PATIENCE, PROGRAM, Chromium, wait_until
from graphql import build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.transport.graphiql import STATIC, graphiql_page, graphiql_routes

needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")
needs_build = pytest.mark.skipif(not STATIC.exists(), reason="GraphiQL is not built: make ui")
pytestmark = needs_chromium

SCHEMA = build_schema("""
    "A ranked topic."
    type Trend { id: ID! title: String! score: Float! }
    type Query {
      "The best trends, best first."
      trends(first: Int = 10): [Trend!]!
      hello(name: String = "world"): String!
    }
    type Mutation { forget: Boolean! }
""")

TRENDS = [
    {"id": "1", "title": "Credentials from browsers", "score": 0.97},
    {"id": "2", "title": "Spear phishing links", "score": 0.81},
]

EXAMPLES = [
    "# The best\nquery TopTrends {\n  trends(first: 2) {\n    id\n    title\n    score\n  }\n}\n",
    'query Hello {\n  hello(name: "Plait")\n}\n',
    "mutation Forget {\n  forget\n}\n",
]

PLAN = {
    "cost": 41,
    "waves": [
        [
            {
                "source": "postgres",
                "paths": ["trends", "best"],
                "kind": "rows",
                "request": {
                    "sql": "SELECT '[' || string_agg(row_to_json(x)::text, ',') || ']' FROM (SELECT "
                    't.id AS "id", t.title AS "title", t.score AS "score" FROM trends AS t '
                    "WHERE t.state = $2 ORDER BY t.score DESC, t.id LIMIT $1) AS x"
                },
            },
            {
                "source": "qdrant",
                "paths": ["searchTrends"],
                "kind": "search",
                "request": {"collection": "trend_embeddings", "with_payload": False},
                "branches": {
                    "rows first": {"sql": "SELECT t.id FROM trends AS t", "source": "postgres"}
                },
            },
        ],
        [
            {
                "source": "redis",
                "paths": ["trends.views"],
                "kind": "counters",
                "request": {"command": "MGET", "pattern": "views:trend_{id}"},
            },
        ],
    ],
}


@contextlib.contextmanager
def serving(static=STATIC, *, examples=EXAMPLES, plan=None):
    """A server on a free loopback port; yields its address and the requests it was sent."""
    asked = []
    page = graphiql_page("/graphql", examples, static)

    async def endpoint(request):
        if request.method == "GET":
            return page
        body = await request.json()
        asked.append(body)
        explain = body.get("extensions", {}).get("plait", {}).get("explain")
        if explain and plan:
            answer = {"extensions": {"plan": plan}}
        else:
            result = graphql_sync(
                SCHEMA,
                body["query"],
                {"trends": lambda _, first: TRENDS[:first], "hello": lambda _, name: f"Hi {name}"},
                variable_values=body.get("variables"),
                operation_name=body.get("operationName"),
            )
            answer = result.formatted
        return JSONResponse(answer, media_type="application/graphql-response+json")

    routes = [
        Route("/graphql", endpoint, methods=["GET", "POST"]),
        *graphiql_routes("/graphql", examples, static),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning"))
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), "the server's start")
            assert server.started
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}/graphql", asked
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@pytest.fixture
def serve():
    """`serving`, until the browser is gone: a page may load to its very end."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(serving(*args, **kwargs))


@pytest.fixture
def chromium(tmp_path, serve):  # noqa: ARG001 - the server must outlive the browser
    """A browser; afterwards, nothing may have left loopback and nothing may have complained."""
    browser = Chromium(tmp_path)
    try:
        yield browser
    finally:
        browser.close()
    assert browser.contacted() == {LOOPBACK}
    assert browser.complaints() == []


def plain(text):
    """Without white space, in which a readable request may differ from the sent one."""
    return "".join(text.split())


def box_of(page, selector):
    """Where an element stands, in pixels of the page."""
    return page.evaluate(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")


def explained(asked):
    """The requests that asked for a plan."""
    return [body for body in asked if "extensions" in body]


def open_graphiql(chromium, url, **options):
    page = chromium.open(url, **options)
    page.wait_for_text(".graphiql-query-editor .view-lines", "query TopTrends")
    # Names have a colour of their own as soon as the language is loaded.
    page.wait_for("document.querySelectorAll('.graphiql-query-editor .mtk1 ~ .mtk23').length > 0")
    return page


@needs_build
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_example_should_run_in_graphiql(chromium, serve, tmp_path, color_scheme):
    """The editor opens with the examples as tabs, and one press shows the result."""
    url, _ = serve()
    page = open_graphiql(chromium, url, color_scheme=color_scheme)
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.innerText)"
    assert page.evaluate(tabs) == ["TopTrends", "Hello", "Forget"]
    assert page.evaluate("document.title") == "Plait"
    page.click(".graphiql-execute-button")
    page.wait_for_text(".graphiql-response .view-lines", "Credentials from browsers")
    page.screenshot(tmp_path / f"graphiql-{color_scheme}.png")


@needs_build
def test_editor_should_know_the_schema(chromium, serve):
    """A field that the schema lacks is underlined: Monaco's workers came from our own files."""
    url, _ = serve(examples=["query TopTrends {\n  trends {\n    nonsense\n  }\n}\n"])
    open_graphiql(chromium, url).wait_for("document.querySelector('.squiggly-error') !== null")


@needs_build
def test_docs_and_explorer_should_list_the_schema(chromium, serve, tmp_path):
    """The documentation and the explorer show the fields of the server's schema."""
    url, _ = serve()
    page = open_graphiql(chromium, url)
    page.click("[aria-label='Show Documentation Explorer']")
    page.wait_for_text(".graphiql-plugin", "Query")
    page.screenshot(tmp_path / "docs.png")
    page.click("[aria-label='Show GraphiQL Explorer']")
    page.wait_for_text(".graphiql-plugin", "trends")
    page.screenshot(tmp_path / "explorer.png")


@needs_build
def test_plan_should_show_waves_and_requests(chromium, serve, tmp_path):
    """The Plan pane asks for an explanation of the query in the editor and shows every request."""
    url, asked = serve(plan=PLAN)
    page = open_graphiql(chromium, url)
    page.click("[aria-label='Show Plan']")
    text = page.wait_for_text(".plait-plan", "views:trend_{id}")
    page.screenshot(tmp_path / "plan.png")
    assert "3 requests in 2 waves, cost 41" in text
    for wave in PLAN["waves"]:
        for fetch in wave:
            assert fetch["source"] in text
            assert ", ".join(fetch["paths"]) in text
            for part in fetch["request"].values():
                assert plain(part if isinstance(part, str) else json.dumps(part)) in plain(text)
            assert all(way in text for way in fetch.get("branches", {}))
    page.click(".graphiql-tab:nth-of-type(2) .graphiql-tab-button")
    wait_until(lambda: len(explained(asked)) > 1, "the plan of the second tab")
    assert [
        (body["query"], body["operationName"], body["extensions"]) for body in explained(asked)
    ] == [
        (EXAMPLES[0], "TopTrends", {"plait": {"explain": True}}),
        (EXAMPLES[1], "Hello", {"plait": {"explain": True}}),
    ]


@needs_build
def test_narrow_screen_should_have_all_in_reach(chromium, serve, tmp_path):
    """On a telephone the answer stands below the query, and an open pane has the width of both."""
    url, _ = serve(plan=PLAN)
    page = open_graphiql(chromium, url)
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=844,
        deviceScaleFactor=1,
        mobile=True,
    )
    page.click(".graphiql-execute-button")
    page.wait_for_text(".graphiql-response", "Credentials from browsers")
    query, answer = box_of(page, ".graphiql-editors"), box_of(page, ".graphiql-response")
    assert answer["y"] >= query["y"] + query["height"]
    assert min(query["width"], answer["width"]) > 250
    page.click("[aria-label='Show Plan']")
    page.wait_for_text(".plait-plan", "3 requests")
    page.screenshot(tmp_path / "narrow.png")
    assert box_of(page, ".plait-plan")["width"] > 250
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("[aria-label='Hide Plan']")
    page.wait_for(
        "document.querySelector('.graphiql-response').getBoundingClientRect().width > 250"
    )


@needs_build
def test_plan_should_be_polite_without_a_plan(chromium, serve):
    """A server that sends no plan, and a mutation (which is not sent), get a plain sentence."""
    url, asked = serve()
    page = open_graphiql(chromium, url)
    page.click("[aria-label='Show Plan']")
    page.wait_for_text(".plait-plan", "without a plan")
    page.click(".graphiql-tab:nth-of-type(3) .graphiql-tab-button")
    page.wait_for_text(".plait-plan", "Only queries have a plan")
    assert not any(body["query"].startswith("mutation") for body in asked)


def test_page_without_a_build_should_still_ask(chromium, serve, tmp_path):
    """The form of the small page posts the first example and shows the answer."""
    url, _ = serve(tmp_path / "nowhere")
    page = chromium.open(url)
    page.wait_for_text("body", "make ui")
    page.click("button[type=submit]")
    page.wait_for_text("#result", "Credentials from browsers")
    page.screenshot(tmp_path / "fallback.png")


def test_browser_log_should_notice_a_request_elsewhere(tmp_path):
    """What the other tests rely on: a page that asks another host is caught."""
    browser = Chromium(tmp_path)
    page = browser.open("data:text/html,<img src='http://elsewhere.test/' onerror='this.id=1'>")
    page.wait_for("document.querySelector('img[id]') !== null")
    browser.close()
    assert "elsewhere.test" in browser.contacted()
    assert browser.complaints()
