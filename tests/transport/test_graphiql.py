"""The page at the GraphQL endpoint and its files, with and without a build."""

import json
import re
from html.parser import HTMLParser

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.transport.graphiql import STATIC, graphiql_page, graphiql_routes

BUILT_INDEX = """<!doctype html>
<link rel="icon" href="./assets/icon-1.svg" />
<script type="application/json" id="plait-config">{}</script>
<script type="module" crossorigin src="./assets/index-1.js"></script>
"""


class Page(HTMLParser):
    """What a browser would find in a page: addresses, element ids, nonces, the configuration."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.nonces, self.config = [], set(), set(), None
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.inside = found.get("id")
        self.ids.add(self.inside)
        self.addresses += [found[name] for name in ("src", "href") if name in found]
        if tag in ("script", "style") and "nonce" in found:
            self.nonces.add(found["nonce"])

    def handle_data(self, data):
        if self.inside == "plait-config" and self.config is None:
            self.config = json.loads(data)


@pytest.fixture
def static(tmp_path):
    """A build as Vite writes it, with things beside it that must never be served."""
    build = tmp_path / "graphiql"
    assets = build / "assets"
    assets.mkdir(parents=True)
    (build / "index.html").write_text(BUILT_INDEX)
    for name in ("index-1.js", "index-1.css", "icon-1.svg", "codicon-1.ttf", "font-1.woff2"):
        (assets / name).write_bytes(name.encode())
    (assets / "notes.txt").write_text("secret")
    (assets / ".hidden.js").write_text("secret")
    (assets / "folder.js").mkdir()
    (build / "outside.js").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    return build


def client_for(static, *, endpoint="/graphql", examples=(), root_path=""):
    page = graphiql_page(endpoint, examples, static)

    async def show(_):
        return page

    app = Starlette(routes=[Route(endpoint, show), *graphiql_routes(endpoint, examples, static)])
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, root_path=root_path),
        base_url="http://gateway.test",
    )


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("/graphql", "/graphql"),
        ("/graphql", "/graphql/ui/"),
        ("/api/v1/graphql", "/api/v1/graphql"),
        ("/api/v1/graphql", "/api/v1/graphql/ui/"),
        ("/", "/"),
        ("/", "/ui/"),
    ],
)
async def test_page_should_point_to_its_files_and_to_the_endpoint(static, endpoint, address):
    """From either address of the page, relative references end at the files and the endpoint."""
    async with client_for(static, endpoint=endpoint) as client:
        answer = await client.get(address)
        page = Page(answer.text)
        assert len(page.addresses) == 2
        for reference in page.addresses:
            assert (await client.get(answer.url.join(reference))).status_code == 200
        assert answer.url.join(page.config["endpoint"]).path == endpoint


async def test_page_should_work_behind_a_proxy_that_strips_a_prefix(static):
    """No address begins at the root of the host, which the gateway may not own."""
    async with client_for(static) as client:
        page = Page((await client.get("/graphql")).text)
    assert [*page.addresses, page.config["endpoint"]] == [
        "./graphql/ui/assets/icon-1.svg",
        "./graphql/ui/assets/index-1.js",
        "./graphql",
    ]


@pytest.mark.parametrize("built", [True, False])
async def test_examples_should_arrive_unchanged_and_stay_data(static, tmp_path, built):
    """A query that holds markup is data in the page and cannot end the element it stands in."""
    examples = ['{ a(text: "</script><script>alert(1)</script>") }', "query Ünï {\n  b\n}", "{}"]
    folder = static if built else tmp_path / "nowhere"
    async with client_for(folder, examples=examples) as client:
        text = (await client.get("/graphql")).text
    assert Page(text).config["examples"] == examples
    assert "<script>alert" not in text


async def test_page_should_forbid_every_other_host(static):
    """The policy names no host, allows no inline script and no eval; the page is not framed."""
    async with client_for(static) as client:
        headers = (await client.get("/graphql")).headers
    policy = directives(headers["content-security-policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    sources = {source for values in policy.values() for source in values}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_page_should_not_be_stored(static):
    """The endpoint also answers JSON, and the page names hashed files that a rebuild replaces."""
    async with client_for(static) as client:
        headers = (await client.get("/graphql")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Accept"
    assert headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("index-1.js", "text/javascript; charset=utf-8"),
        ("index-1.css", "text/css; charset=utf-8"),
        ("icon-1.svg", "image/svg+xml"),
        ("codicon-1.ttf", "font/ttf"),
        ("font-1.woff2", "font/woff2"),
    ],
)
async def test_asset_should_have_its_type_and_be_kept_for_ever(static, name, media_type):
    """Types do not depend on the machine; a hashed name never changes its content."""
    async with client_for(static) as client:
        answer = await client.get(f"/graphql/ui/assets/{name}")
    assert answer.content == name.encode()
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "%2e",
        "%2e%2e",
        "missing.js",
        "notes.txt",
        ".hidden.js",
        "folder.js",
        "../outside.js",
        "..%2Foutside.js",
        "%2e%2e/outside.js",
        "%2e%2e%2foutside.js",
        "..%2F..%2Foutside.js",
        "..%5Coutside.js",
        "....//outside.js",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "index-1.js%00",
        "index-1.js%00.css",
        "index-1.js%0A",
        "index-1.js/x",
        "assets%2Findex-1.js",
        "a" * 5000 + ".js",
    ],
)
async def test_nothing_but_assets_should_be_served(static, name):
    """A name that is not exactly an asset's is 404, however it is written."""
    async with client_for(static) as client:
        request = client.build_request("GET", "http://gateway.test/")
        request.url = httpx.URL(
            scheme="http", host="gateway.test", raw_path=b"/graphql/ui/assets/" + name.encode()
        )
        answer = await client.send(request)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_writing_methods_should_be_refused(static):
    """The files are only read."""
    async with client_for(static) as client:
        for address in ("/graphql/ui/", "/graphql/ui/assets/index-1.js"):
            assert (await client.post(address)).status_code == 405
            assert (await client.head(address)).status_code == 200


async def test_missing_build_should_give_a_page_that_says_how_to_build_it(tmp_path):
    """Without a build the page names the command, and its form runs by nonce only."""
    async with client_for(tmp_path / "nowhere", examples=["{ a }"]) as client:
        first, second = [await client.get("/graphql") for _ in range(2)]
        assert (await client.get("/graphql/ui/assets/index-1.js")).status_code == 404
    page = Page(first.text)
    assert "make ui" in first.text
    assert {"query", "variables", "result"} <= page.ids
    assert page.addresses == []
    (nonce,) = page.nonces
    policy = directives(first.headers["content-security-policy"])
    assert policy["script-src"] == policy["style-src"] == [f"'nonce-{nonce}'"]
    assert policy["default-src"] == ["'none'"]
    assert len(nonce) >= 16
    assert Page(second.text).nonces != {nonce}


async def test_build_made_meanwhile_should_be_found(static, tmp_path):
    """`make ui` and a reload are enough; the gateway need not start again."""
    late = tmp_path / "late"
    async with client_for(late) as client:
        assert "make ui" in (await client.get("/graphql")).text
        static.rename(late)
        assert "make ui" not in (await client.get("/graphql")).text


@pytest.mark.skipif(not STATIC.exists(), reason="GraphiQL is not built: make ui")
async def test_real_build_should_be_complete():
    """Every file that the built page names is served, and the page takes its configuration."""
    async with client_for(STATIC, examples=["{ a }"]) as client:
        answer = await client.get("/graphql")
        page = Page(answer.text)
        assert page.config == {"endpoint": "./graphql", "examples": ["{ a }"]}
        assert page.addresses
        for reference in page.addresses:
            assert (await client.get(answer.url.join(reference))).status_code == 200
        for file in (STATIC / "assets").iterdir():
            assert (await client.get(f"/graphql/ui/assets/{file.name}")).status_code == 200


@pytest.mark.skipif(not STATIC.exists(), reason="GraphiQL is not built: make ui")
def test_real_build_should_name_no_script_host():
    """No style sheet or page of the build loads from an address with a host."""
    for file in [STATIC / "index.html", *(STATIC / "assets").glob("*.css")]:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"""(?:url\(|@import|src=|href=)\s*["']?(?:https?:)?//""", text), file


def directives(policy):
    parts = (directive.split() for directive in policy.split(";"))
    return {name: sources for name, *sources in parts}
