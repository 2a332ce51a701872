"""GraphiQL: the page people see at the GraphQL endpoint, and the files it loads.

`ui/` is built into `static/graphiql/`: an `index.html` and hashed files in `assets/`. Where that
build is absent, a small page of one file takes its place. Nothing is loaded from another host, and
all addresses are relative, so that the gateway may stand behind a proxy that strips a prefix.
"""

from __future__ import annotations

import json
import re
import secrets
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import Path as AsyncPath
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

STATIC = Path(__file__).parent / "static" / "graphiql"
"""Where `make ui` puts the build."""

FALLBACK = Path(__file__).parent / "static" / "fallback.html"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    # Monaco writes style attributes and elements, without a nonce.
    "style-src 'self' 'unsafe-inline'; "
    # GraphiQL's style sheet carries its fonts.
    "font-src 'self' data:; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the built page may do. A worker has the policy of its own script: assets carry it too."""

FALLBACK_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

COMMON_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
"""The only kinds of file served; our own table, because the platform's differs between machines."""

ASSET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")

EMPTY_CONFIG = '<script type="application/json" id="plait-config">{}</script>'


def graphiql_page(endpoint: str, examples: Sequence[str], static: Path = STATIC) -> ASGIApp:
    """The page for `GET endpoint` of a browser, as an ASGI app (usable as a Starlette response).

    `endpoint` is the path at which the gateway answers GraphQL; `examples` are the queries of the
    first tabs; `static` is the folder of the build, looked at for each request, so that a build
    made meanwhile is found.
    """
    name = endpoint.rsplit("/", maxsplit=1)[-1]
    files = f"./{name}/ui/" if name else "./ui/"
    return _Page(endpoint=f"./{name}", files=files, examples=examples, static=static)


def graphiql_routes(
    endpoint: str,
    examples: Sequence[str],
    static: Path = STATIC,
) -> list[BaseRoute]:
    """Routes below `endpoint`: the files of the page, and the page itself at `endpoint/ui/`.

    The second address is for where content negotiation does not come through, and for bookmarks.
    """
    prefix = endpoint.rstrip("/")
    name = endpoint.rsplit("/", maxsplit=1)[-1]
    up = f"../../{name}" if name else "../"
    page = _Page(endpoint=up, files="./", examples=examples, static=static)

    async def show(_: Request) -> ASGIApp:
        return page

    async def asset(request: Request) -> Response:
        return await _asset(static / "assets", request.path_params["name"])

    return [
        Route(f"{prefix}/ui/", show, methods=["GET"]),
        Route(f"{prefix}/ui/assets/{{name}}", asset, methods=["GET"]),
    ]


class _Page:
    """An ASGI app that answers every request with the page."""

    def __init__(
        self,
        *,
        endpoint: str,
        files: str,
        examples: Sequence[str],
        static: Path,
    ) -> None:
        self.files = escape(files)
        self.config = _script_json({"endpoint": endpoint, "examples": list(examples)})
        self.index = AsyncPath(static / "index.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.response()
        await response(scope, receive, send)

    async def response(self) -> Response:
        try:
            page = await self.index.read_text(encoding="utf-8")
        except FileNotFoundError:
            return await self.fallback()
        page = page.replace('"./assets/', f'"{self.files}assets/')
        page = page.replace(EMPTY_CONFIG, EMPTY_CONFIG.replace("{}", self.config))
        return _html(page, PAGE_POLICY)

    async def fallback(self) -> Response:
        page = await AsyncPath(FALLBACK).read_text(encoding="utf-8")
        nonce = secrets.token_urlsafe(16)
        page = page.replace('nonce=""', f'nonce="{nonce}"')
        page = page.replace(EMPTY_CONFIG, EMPTY_CONFIG.replace("{}", self.config))
        return _html(page, FALLBACK_POLICY.format(nonce=nonce))


async def _asset(folder: Path, name: str) -> Response:
    """The file `name` of `folder`, or 404; a name is one plain segment, so nothing else opens."""
    path = folder / name
    media_type = MEDIA_TYPES.get(path.suffix)
    if not ASSET_NAME.fullmatch(name) or media_type is None or not await AsyncPath(path).is_file():
        return PlainTextResponse("Not Found", status_code=404, headers=COMMON_HEADERS)
    return FileResponse(
        path,
        media_type=media_type,
        headers=COMMON_HEADERS
        | {
            "content-security-policy": PAGE_POLICY,
            # The name holds a hash of the content.
            "cache-control": "public, max-age=31536000, immutable",
        },
    )


def _html(page: str, policy: str) -> HTMLResponse:
    # The same address answers GraphQL to those who accept JSON.
    own = {"content-security-policy": policy, "cache-control": "no-store", "vary": "Accept"}
    return HTMLResponse(page, headers=COMMON_HEADERS | own)


def _script_json(value: object) -> str:
    """`value` as JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
