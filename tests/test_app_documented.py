"""The examples of docs/in-python.md, run as a reader would: in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from serving.library import library

if TYPE_CHECKING:
    from conftest import FreshDatabase

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/in-python.md").read_text(), re.DOTALL)
FILES = {block.splitlines()[0].removeprefix("# "): block for block in BLOCKS if block[0] == "#"}

ASKED = """
from starlette.testclient import TestClient
from main import app

for _ in range(2):
    with TestClient(app) as client:
        print(client.get("/hello").text)
        print(client.post("/api/graphql", json={"query": "{ books { nodes { title } } }"}).text)
"""
SIGNED_IN = """
from signed_in import gateway
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.testclient import TestClient


class Backend(AuthenticationBackend):
    async def authenticate(self, connection):
        if "x-user" in connection.headers:
            return AuthCredentials(["editor"]), SimpleUser(connection.headers["x-user"])


app = AuthenticationMiddleware(gateway, backend=Backend())
with TestClient(app) as client:
    for headers in ({"x-user": "ann"}, {}):
        print(client.post("/graphql", json={"query": "{ me }"}, headers=headers).text)
"""
IN_PYTHON = """
import asyncio
from settings_in_python import gateway


async def main():
    async with gateway:
        print((await gateway.execute("{ books { nodes { title } } }")).data)


asyncio.run(main())
"""
LOOP = """
import asyncio
from gateway import Viewer, create_app

REPORT = Viewer("job:report")


async def main():
    async with create_app() as gateway:
        {}


asyncio.run(main())
"""


@pytest.fixture
async def folder(tmp_path: Path, fresh_database: FreshDatabase) -> Path:
    """A reader's folder: a domain, the settings, a database, and the examples that are files."""
    settings = await library(fresh_database)
    shutil.copytree(ROOT / "tests/serving/my_api", tmp_path / "my_api")
    (tmp_path / "plait.toml").write_text('resolvers = "my_api.resolvers"\n')
    (tmp_path / "url").write_text(settings["postgres"]["default"]["url"])
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    """What Python prints in that folder."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("PYTEST")},
        "POSTGRES_URL": (folder / "url").read_text(),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_run() -> None:
    """No file of the page is left out, and the one block that is none is known here."""
    assert set(FILES) == {
        "main.py",
        "settings_in_python.py",
        "signed_in.py",
        "report.py",
        "conftest.py",
        "test_books.py",
    }
    assert len(BLOCKS) == len(FILES) + 1


async def test_a_mounted_gateway(folder: Path) -> None:
    """It answers beside the application's own route, each time the application is started."""
    answer = '{"data":{"books":{"nodes":[{"title":"Emma"}]}}}'
    assert run(folder, "-c", ASKED).split() == ["hello", answer] * 2


async def test_the_application_signs_in(folder: Path) -> None:
    """Its users are the gateway's viewers; others are nobody."""
    told = run(folder, "-c", SIGNED_IN).splitlines()
    assert told == ['{"data":{"me":"ann [\'editor\'] {}"}}', '{"data":{"me":"None [] {}"}}']


async def test_settings_in_python(folder: Path) -> None:
    """The tables are all that it needs."""
    (folder / "plait.toml").unlink()
    assert run(folder, "-c", IN_PYTHON) == "{'books': {'nodes': [{'title': 'Emma'}]}}\n"


async def test_a_script(folder: Path) -> None:
    """It prints the answer, and ends."""
    assert run(folder, "report.py") == "{'data': {'books': {'nodes': [{'title': 'Emma'}]}}}\n"


async def test_a_loop_over_events(folder: Path) -> None:
    """A result for each."""
    (block,) = (block for block in BLOCKS if block not in FILES.values())
    body = block.strip().replace("\n", "\n        ")
    assert run(folder, "-c", LOOP.format(body)) == "{'ticks': 0}\n{'ticks': 1}\n"


async def test_tests_of_a_domain(folder: Path) -> None:
    """Pytest runs them on embedded engines of their own, with nothing but the plugin of anyio."""
    told = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert "3 passed" in told
