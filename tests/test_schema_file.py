"""`schema.graphql` is what the code says."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from gateway.app import load_schema
from gateway.settings import load

FILE = Path(__file__).parent.parent / "schema.graphql"


def test_the_committed_schema_is_the_codes() -> None:
    """Clients generate code from the file: a change of the schema is a change of the file."""
    committed = FILE.read_text("utf-8") if FILE.exists() else ""
    current = load_schema(load(environ={})).as_str().rstrip("\n") + "\n"
    if committed != current:
        difference = difflib.unified_diff(
            committed.splitlines(), current.splitlines(), FILE.name, "the code's", lineterm="", n=1
        )
        pytest.fail(
            "schema.graphql differs from the code; `make schema` writes it anew\n"
            + "\n".join(difference),
            pytrace=False,
        )
