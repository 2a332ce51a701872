"""What a vector collection is filled with: which rows, the text that is embedded, the payload.

    TREND_SYNC = VectorSync(
        TRENDS,
        models.trends,
        text=models.trends.c.title + ". " + models.trends.c.summary,
        payload={"state": models.trends.c.state, "score": models.trends.c.score},
    )

Listed in the `Domain` as `syncs`. Each row has one point, whose id is the row's key; text and
payload are SQL of the row's own columns, so that a change is seen by whoever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from gateway.errors import ConfigurationError
from gateway.schema.columns.tables import expression_of, table_of
from gateway.schema.vectors.collections import VectorCollection

MAX_PAYLOAD = 50
"""The fields of one payload: as many as `jsonb_build_object` takes."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorSync:
    """The rows of `table`, or of the class mapped to it, as points of `collection`.

    `text`: SQL of the text to embed; a row whose text is blank has no point. `payload`: SQL by the
    declared paths of the collection's payload, nulls left out. `indexed`: those of them that the
    engine indexes. `long_text`: whether a text over the model's limit is cut there, or fails.
    `rows`, `source`: the names of the database and of the vector source.

    `key` is the row's key and the point's id; `columns` are those that text and payload read.

    Raises ConfigurationError for a table whose key is not one integer or UUID, an expression that
    reads more than the row, a payload that is not the collection's, or a collection whose points
    cannot be made of one text each.
    """

    collection: VectorCollection
    table: sa.Table
    text: sa.ColumnElement[Any]
    payload: Mapping[str, sa.ColumnElement[Any]] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    long_text: Literal["cut", "fail"] = "cut"
    rows: str = "default"
    source: str = "default"
    key: sa.Column[Any] = field(init=False)
    columns: tuple[str, ...] = field(init=False)
    indexes: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the declaration."""
        object.__setattr__(self, "table", table_of(self.table, "VectorSync"))
        object.__setattr__(self, "text", expression_of(self.text))
        payload = {path: expression_of(one) for path, one in self.payload.items()}
        object.__setattr__(self, "payload", payload)
        object.__setattr__(self, "key", self._key())
        self._check_collection()
        object.__setattr__(self, "columns", self._columns())
        object.__setattr__(self, "indexes", dict(map(self._index, self.indexed)))

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.collection.name

    def _wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"sync of collection {self.collection.name!r}: {what}")

    def _key(self) -> sa.Column[Any]:
        keys = list(self.table.primary_key.columns)
        if len(keys) != 1 or not isinstance(keys[0].type, sa.Integer | sa.Uuid):
            raise self._wrong(
                f"table {self.table.name} needs a primary key of one integer or UUID, "
                "which is the id of the row's point."
            )
        return keys[0]

    def _check_collection(self) -> None:
        one = self.collection
        if one.vector is not None or one.vectors or one.sparse:
            raise self._wrong("its points must have one vector, without a name.")
        if one.entity_key is not None:
            raise self._wrong("the id of a point is the row's key; declare no entity_key.")
        declared, given = set(one.payload), set(self.payload)
        if declared != given:
            extra, lacks = (", ".join(sorted(one)) for one in (given - declared, declared - given))
            raise self._wrong(
                "payload must have what the collection declares; too much is "
                f"{extra or 'nothing'}, it lacks {lacks or 'nothing'}."
            )
        if len(given) > MAX_PAYLOAD:
            raise self._wrong(f"payload has more than {MAX_PAYLOAD} fields.")

    def _columns(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for expression in (self.text, *self.payload.values()):
            for element in iterate(expression):
                if isinstance(element, sa.Select | sa.TextClause):
                    raise self._wrong("text and payload must be made of the row's own columns.")
                if isinstance(element, sa.Column):
                    if getattr(element.table, "fullname", None) != self.table.fullname:
                        raise self._wrong(f"{element} is no column of table {self.table.name}.")
                    found[element.name] = None
        return tuple(sorted(found))

    def _index(self, path: str) -> tuple[str, str]:
        kinds = {one.path: one.kind.index for one in self.collection.fields.values()}
        kind = kinds.get(path)
        if kind is None:
            known = ", ".join(name for name, one in kinds.items() if one) or "none"
            raise self._wrong(f"indexed: {path!r} cannot be indexed; these can: {known}.")
        return path, kind
