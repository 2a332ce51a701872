"""A vendor's name is said where its adapter is, made and set up, and nowhere else in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[1] / "gateway"
ROOMS = ("caching", "documents", "execution", "identity", "planning", "telemetry", "transport")
VENDORS = re.compile(r"postgres|asyncpg|redis|valkey|qdrant|directus", re.IGNORECASE)


def said(tree: ast.AST) -> list[str]:
    """The names and texts of a module that run; not what is written for its readers."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documents.add(id(node.value))  # what stands below a name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            found += [] if id(node) in documents else [str(node.value)]
        elif isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
        elif isinstance(node, ast.alias):
            found.append(node.name)
    return found


def test_the_check_sees_a_name():
    """In an import, a text, a name; not in what is written for readers."""
    code = '"""Of Redis."""\nfrom gateway.sources.redis import link\nPORT = "postgres"\nx.qdrant'
    assert [one for one in said(ast.parse(code)) if VENDORS.search(one)] == [
        "gateway.sources.redis",
        "postgres",
        "qdrant",
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_names_a_vendor(room):
    """What differs from vendor to vendor is the adapter's to say."""
    wrong = {}
    for path in sorted((GATEWAY / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if names := [one for one in said(tree) if VENDORS.search(one)]:
            wrong[str(path.relative_to(GATEWAY))] = names
    assert wrong == {}
