"""Second names of collections, kept in one file beside them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import grpc
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import Fault, invalid, missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

MAX_NAME = 255


class Aliases:
    """Which collection each alias stands for; every change is in the file before it is seen."""

    def __init__(self, file: Path) -> None:
        """Read them from `file`, where there is one."""
        self._file = file
        self._changing = threading.Lock()
        kept = pb.ListAliasesResponse()
        if file.exists():
            kept.ParseFromString(file.read_bytes())
        self._known = {one.alias_name: one.collection_name for one in kept.aliases}

    def known(self) -> Mapping[str, str]:
        """Collections by alias; never changed in place."""
        return self._known

    def change(self, actions: Mapping[str, str | None]) -> None:
        """Point aliases at collections, or at None to remove them; all at once."""
        with self._changing:
            changed = {**self._known, **actions}
            self._keep({alias: to for alias, to in changed.items() if to is not None})

    def forget(self, collection: str) -> None:
        """Remove the aliases of a collection."""
        with self._changing:
            if collection in self._known.values():
                self._keep({a: to for a, to in self._known.items() if to != collection})

    def _keep(self, known: Mapping[str, str]) -> None:
        written = self._file.with_suffix(".written")
        written.write_bytes(pb.ListAliasesResponse(aliases=_described(known)).SerializeToString())
        written.replace(self._file)
        self._known = dict(known)


def _described(known: Mapping[str, str]) -> list[pb.AliasDescription]:
    return [
        pb.AliasDescription(alias_name=alias, collection_name=name)
        for alias, name in sorted(known.items())
    ]


def _update(shards: Shards, request: pb.ChangeAliases) -> pb.CollectionOperationResponse:
    """All actions or none; each sees what those before it did."""
    with shards.changing:
        known: dict[str, str | None] = dict(shards.aliases.known())
        for action in request.actions:
            kind = action.WhichOneof("action")
            if kind == "create_alias":
                made = action.create_alias
                known[_new_name(shards, made.alias_name)] = _existing(shards, made.collection_name)
            elif kind == "rename_alias":
                renamed = action.rename_alias
                collection = _known(known, renamed.old_alias_name)
                known[renamed.old_alias_name] = None
                known[_new_name(shards, renamed.new_alias_name)] = collection
            elif kind == "delete_alias":
                known[action.delete_alias.alias_name] = None
            else:
                raise invalid("an action on aliases is empty")
        shards.aliases.change(known)
    return pb.CollectionOperationResponse(result=True)


def _new_name(shards: Shards, alias: str) -> str:
    if not 1 <= len(alias) <= MAX_NAME:
        raise invalid(f"the name of an alias has 1 to {MAX_NAME} characters")
    if alias in shards.names():
        raise Fault(grpc.StatusCode.ALREADY_EXISTS, f"Collection `{alias}` already exists!")
    return alias


def _existing(shards: Shards, collection: str) -> str:
    if collection not in shards.names():
        raise missing(f"Collection `{collection[:MAX_NAME]}` doesn't exist!")
    return collection


def _known(known: Mapping[str, str | None], alias: str) -> str:
    collection = known.get(alias)
    if collection is None:
        raise missing(f"Alias {alias[:MAX_NAME]} does not exists!")
    return collection


def _list(shards: Shards, _request: pb.ListAliasesRequest) -> pb.ListAliasesResponse:
    return pb.ListAliasesResponse(aliases=_described(shards.aliases.known()))


def _list_of_one(
    shards: Shards, request: pb.ListCollectionAliasesRequest
) -> pb.ListAliasesResponse:
    name = shards.get(request.collection_name).name
    mine = {alias: to for alias, to in shards.aliases.known().items() if to == name}
    return pb.ListAliasesResponse(aliases=_described(mine))


ALIAS_CALLS: dict[str, Call] = {
    "UpdateAliases": _update,
    "ListAliases": _list,
    "ListCollectionAliases": _list_of_one,
}
