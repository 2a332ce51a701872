"""Readers of write fields: arguments in, one `Write` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec
from gateway.schema.access.demands import demanded_by_write
from gateway.schema.lists.shapes import Conditions
from gateway.schema.writes.mutations import Delete, Insert, Update, WriteBinding
from gateway.schema.writes.written import (
    MAX_ROWS,
    Rows,
    Write,
    numbered,
    read_changes,
    read_counted,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from gateway.schema.access.demands import Demand
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.lists.shapes import WhereShape
    from gateway.schema.selection import Field


class WriteSpec(ArgumentsSpec):
    """The arguments of one write field."""

    keeps = False

    def __init__(
        self, field: Field, binding: WriteBinding, entity: EntityInfo, catalog: Catalog
    ) -> None:
        super().__init__(field)
        self._binding = binding
        self._entity = entity
        self._catalog = catalog

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape, since writes are compiled as they come; the write."""
        binding = self._binding
        if isinstance(binding, Insert):
            return (), (self._insert(binding, values),)
        if isinstance(binding, Update) and binding.each:
            return (), (self._each(values["updates"], binding.version),)
        write = Write(self._entity)
        if isinstance(binding, Update):
            self._change(write, values, binding.version)
        elif not isinstance(binding, Delete):
            raise TypeError(f"not a write: {binding!r}")
        self._aim(write, values)
        return (), (write,)

    def demands_of(self, values: tuple[Any, ...]) -> Iterator[Demand]:
        """What the write asks of the viewer."""
        (write,) = values
        return demanded_by_write(self._catalog, write)

    def _insert(self, binding: Insert, values: Mapping[str, Any]) -> Write:
        skips = binding.ignore or values.get("where") is not None
        rows = Rows(self._catalog, skips=skips)
        many = binding.many
        given = numbered("inputs", values["inputs"]) if many else [("input", values["input"])]
        write = Write(
            self._entity,
            rows=[rows.read(self._entity, new, where) for where, new in given],
            conflict=binding.conflict,
            ignore=binding.ignore,
            operators=read_counted(self._entity, values.get("inc") or (), binding.conflict),
        )
        if values.get("where") is not None:
            self._pick(write, values["where"])
        return write

    def _each(self, updates: Sequence[Mapping[str, Any]], version: str | None) -> Write:
        if len(updates) > MAX_ROWS:
            raise InputError.about("updates", f"has more than {MAX_ROWS} members")
        parts = []
        for where, given in numbered("updates", updates):
            parts.append(Write(self._entity))
            self._change(parts[-1], given, version, f"{where}.")
            parts[-1].key = self._key(given, f"{where}.")
        locked = [one for one in parts if one.version is not None and one.version[1] is not None]
        return Write(
            self._entity,
            patch={name: value for one in parts for name, value in (one.patch or {}).items()},
            version=locked[0].version if locked else None,
            each=parts,
        )

    def _change(
        self, write: Write, values: Mapping[str, Any], version: str | None, place: str = ""
    ) -> None:
        """Give an update what it changes. `place` is what errors begin with.

        A value for the lock's own column is refused: an old one would let a lost update pass.
        """
        write.patch, write.operators = read_changes(self._entity, values, place)
        if version is None:
            return
        write.version = (version, values.get("version"))
        if version in write.patch:
            raise InputError(
                f"`{version}` is counted with every update and cannot be set; "
                f"`{place}version` takes the one that you read."
            )

    def _key(self, values: Mapping[str, Any], place: str = "") -> tuple[Any, ...]:
        return tuple(
            info.kind.bind(values[info.name], f"{place}{info.name}") for info in self._entity.key
        )

    def _aim(self, write: Write, values: Mapping[str, Any]) -> None:
        """Which rows: one key, or all that a condition picks."""
        if not self._binding.many:
            write.key = self._key(values)
            return
        if _verdict(self._pick(write, values["where"])) is True and not values["all"]:
            raise InputError.about(
                "where", "is empty, which means every row; say `all: true` where you mean it"
            )

    def _pick(self, write: Write, where: Mapping[str, Any]) -> WhereShape:
        """Give the write a condition; what it is."""
        conditions = Conditions(self._catalog)
        write.where = shape = conditions.where(self._entity, where)
        self._check_whole(self._entity, where, "where")
        write.values = tuple(conditions.values)
        return shape

    def _check_whole(self, entity: EntityInfo, where: Mapping[str, Any], path: str) -> None:
        """Refuse a condition that is null: a list ignores it, but a write would touch more rows."""
        for name, operand in where.items():
            at = f"{path}.{name}"
            if operand is None:
                raise InputError.about(
                    at, "must not be null; leave it out where it does not matter"
                )
            if name in {"and", "or"}:
                for part in operand:
                    self._check_whole(entity, part, at)
            elif name in entity.relations:
                target = self._catalog.entities[entity.relations[name].target]
                self._check_whole(target, operand, at)
            elif name in {"not", "some", "every", "none"} and name not in entity.columns:
                self._check_whole(entity, operand, at)


def _verdict(shape: WhereShape) -> bool | None:
    """Whether a condition holds for every row, or for none; None where that hangs on the row."""
    match shape:
        case ("all", parts):
            verdicts = {_verdict(part) for part in parts}
            return False if False in verdicts else None if None in verdicts else True
        case ("any", parts):
            verdicts = {_verdict(part) for part in parts}
            return True if True in verdicts else None if None in verdicts else False
        case ("not", part):
            verdict = _verdict(part)
            return None if verdict is None else not verdict
    return None
