"""Trusted documents: those that a manifest lists, by the ids that clients know them by.

Two forms of manifest are read: Apollo's persisted query manifest,
`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body"}, …]}`,
and the map of Relay's and other compilers, `{"id": "document", …}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_APOLLO = "apollo-persisted-query-manifest"
MAX_BYTES = 256 << 20
"""The largest manifest that is read."""


class _Operation(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    body: str


class _Manifest(msgspec.Struct):
    version: int
    operations: list[_Operation]


def read_manifest(path: Path) -> Mapping[str, str]:
    """The documents of a manifest, by id.

    Raises ConfigurationError, which names the setting and quotes nothing of the file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _wrong("is larger than 256 MiB")
        found: Any = msgspec.json.decode(path.read_bytes())
        if isinstance(found, dict) and found.get("format") == _APOLLO:
            manifest = msgspec.convert(found, _Manifest)
            if manifest.version != 1:
                raise _wrong("has another version than 1")
            documents = {one.id: one.body for one in manifest.operations}
            if len(documents) < len(manifest.operations):
                raise _wrong("has an id twice")
            return documents
        return msgspec.convert(found, dict[str, str])
    except OSError as error:
        raise _wrong(f"cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError:
        raise _wrong(
            "is no manifest; expected Apollo's format, or an object of documents by id"
        ) from None


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"documents.manifest (PLAIT_DOCUMENTS_MANIFEST): the file it names {what}."
    )
