"""From settings and domain to the workflows of a process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.sources.postgres.connections.pool import Pool
from gateway.workflows.declaring import Workflow
from gateway.workflows.documents import read_document
from gateway.workflows.offering import Workflows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gateway.context.datasource import Datasource
    from gateway.settings import Settings
    from gateway.workflows.context import Ask
    from gateway.workflows.declaring import Node

_ALL = "*"


def workflows_of(
    settings: Settings,
    declared: Sequence[object],
    nodes: Mapping[str, Node],
    sources: Mapping[str, Datasource],
    ask: Callable[[Workflow], Ask],
) -> Workflows:
    """The workflows that the settings offer. Raises ConfigurationError naming the setting."""
    database = settings.postgres.get("default")
    if database is None:
        raise ConfigurationError(
            "postgres.default.url (POSTGRES_URL): workflows keep their runs in this database."
        )
    pool = Pool(database.dsn.reveal(), name="plait-workflows")
    return Workflows(
        pool,
        offered(settings, declared, nodes, sources),
        sources,
        ask=ask,
        runners=frozenset(settings.workflows.run.split()),
        keep=settings.workflows.keep_seconds,
    )


def offered(
    settings: Settings,
    declared: Sequence[object],
    nodes: Mapping[str, Node],
    sources: Collection[str],
) -> dict[str, Workflow]:
    """The workflows by name, those of the domain and those of documents."""
    known = {one.name: one for one in declared if isinstance(one, Workflow)}
    if len(known) != len(declared):
        raise ConfigurationError("Domain.workflows holds Workflows, each with a name of its own.")
    names = settings.workflows.enabled.split()
    for name in names:
        if name not in {_ALL, *known}:
            raise ConfigurationError(
                f"workflows.enabled (PLAIT_WORKFLOWS_ENABLED): the domain declares no workflow "
                f"{name!r}; it declares {', '.join(sorted(known)) or 'none'}."
            )
    found = {name: one for name, one in known.items() if name in names or _ALL in names}
    for path in settings.workflows.documents.split():
        one = read_document(Path(path), nodes)
        if one.name in found:
            raise ConfigurationError(f"{path}: there is a workflow {one.name!r} already.")
        found[one.name] = one
    for one in found.values():
        _check_sources(one, sources)
    return found


def _check_sources(workflow: Workflow, sources: Collection[str]) -> None:
    for name in workflow.datasources:
        if name not in sources:
            listed = ", ".join(sorted(sources)) or "none"
            raise ConfigurationError(
                f"workflow {workflow.name}: there is no datasource.{name} "
                f"(DATASOURCE_{name.upper()}_TYPE); there is {listed}."
            )
    if not workflow.steps:
        raise ConfigurationError(f"workflow {workflow.name}: it has no step.")
