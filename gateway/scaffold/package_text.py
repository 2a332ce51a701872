"""All files of a package, by their path within it, each under the hash of what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.scaffold.comparing import stamped
from gateway.scaffold.entity_text import entity_files
from gateway.scaffold.models_text import models
from gateway.scaffold.text import assignment, call, comment, imports, listed

if TYPE_CHECKING:
    from gateway.scaffold.design import Package
    from gateway.scaffold.selection import Selection

INDEX = "__init__.py"


def files_of(package: Package, selection: Selection) -> dict[str, str]:
    """The texts of all files, by path; equal for equal packages."""
    files = {
        INDEX: _index(package, selection),
        "models.py": models(package),
        **entity_files(package),
    }
    return {path: stamped(text) for path, text in files.items()}


def _index(package: Package, selection: Selection) -> str:
    entities = sorted(package.entities, key=lambda one: one.module)
    lines = [
        *selection.comment(),
        '"""The domain, as the database tells it."""',
        "",
        imports("gateway", ["Domain"]),
        "",
        *(imports(f".{one.module}", [one.queries, one.name]) for one in entities),
    ]
    domain = call(
        "Domain",
        entities=listed(*(one.name for one in package.entities)),
        queries=listed(*(one.queries for one in package.entities)),
    )
    lines += ["", assignment("domain", domain)]
    if package.no_entities:
        lines += ["", *comment("Not served:")]
        for sentence in package.no_entities:
            lines += comment(sentence)
        lines += comment(
            "Whoever knows what tells rows apart names it: plait pull --key NAME=COLUMN,COLUMN"
        )
    return "\n".join(lines) + "\n"
