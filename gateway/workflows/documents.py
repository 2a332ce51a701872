"""Workflows as JSON documents, whose steps name nodes: async functions of the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import ConfigurationError
from gateway.workflows.declaring import KEY_PATTERN, Node, Workflow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 1 << 20
"""Bytes of a document."""


class _Member(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A part of a document; what it does not know it refuses."""


class _Persistence(_Member, frozen=True):
    enabled: bool = True
    auto_save: bool = True
    key_pattern: str = KEY_PATTERN
    targets: tuple[str, ...] = ()


class _StepPersistence(_Member, frozen=True):
    enabled: bool = True
    target: str | None = None
    key: str | None = None


class _Step(_Member, frozen=True):
    name: str
    node: str
    persistence: _StepPersistence | None = None
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)


class _Document(_Member, frozen=True):
    name: str
    steps: tuple[_Step, ...]
    version: int = 1
    description: str = ""
    datasources: tuple[str, ...] = ()
    persistence: _Persistence = _Persistence()
    roles: tuple[str, ...] = ()
    attempts: int = 3


def read_document(path: Path, nodes: Mapping[str, Node]) -> Workflow:
    """The workflow of a file. Raises ConfigurationError that names the file and what is wrong."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read: {error.strerror}.") from None
    if len(text) > MAX_BYTES:
        raise ConfigurationError(f"{path}: a workflow has at most {MAX_BYTES} bytes.")
    return parse_document(text, nodes, str(path))


def parse_document(text: bytes, nodes: Mapping[str, Node], where: str) -> Workflow:
    """The workflow of a document; `where` names it in errors."""
    try:
        document = msgspec.json.decode(text, type=_Document)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{where}: it nests too deep.") from None
    try:
        return _workflow(document, nodes)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error.message}") from None


def _workflow(document: _Document, nodes: Mapping[str, Node]) -> Workflow:
    persistence = document.persistence
    workflow = Workflow(
        document.name,
        version=document.version,
        description=document.description,
        datasources=document.datasources,
        targets=persistence.targets if persistence.enabled else (),
        key=persistence.key_pattern,
        auto_save=persistence.auto_save,
        roles=document.roles,
        attempts=document.attempts,
    )
    for step in document.steps:
        if step.node not in nodes:
            listed = ", ".join(sorted(nodes)) or "none"
            raise ConfigurationError(
                f"step {step.name}: there is no node {step.node!r}; there is {listed}."
            )
        own = step.persistence if persistence.enabled else _StepPersistence(enabled=False)
        workflow.add(
            step.name,
            nodes[step.node],
            inputs=step.inputs,
            save=False if own and not own.enabled else None,
            target=own.target if own else None,
            key=own.key if own else None,
        )
    if not workflow.steps:
        raise ConfigurationError("a workflow has at least one step.")
    return workflow
