"""From what a Directus tells to the classes that show its collections. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from gateway.scaffold import naming
from gateway.scaffold.selection import picked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.directus.introspection import (
        CollectionMeta,
        CollectionRow,
        FieldMeta,
        FieldRow,
        Instance,
        RelationRow,
    )

FILES = "directus_files"
"""Directus's own collection that is shown, where something leads to it."""

_OWN = "directus_"
_ANNOTATIONS = {
    "integer": "int",
    "bigInteger": "BigInt",
    "float": "float",
    "decimal": "Decimal",
    "boolean": "bool",
    "uuid": "UUID",
    "date": "dt.date",
    "time": "dt.time",
    "dateTime": "dt.datetime",
    "timestamp": "dt.datetime",
    "json": "JSON",
    "csv": "list[str]",
}
_TEXTS = {"string", "text", "hash", "binary"}
_FILE_FIELDS = frozenset(
    {"id", "title", "description", "type", "filename_download", "filesize"}
    | {"width", "height", "uploaded_on"}
)


@dataclass(frozen=True, slots=True)
class ItemField:
    """A field of a class: its Python name and its annotation without `| None`.

    `binding` is the function that binds it to the field of Directus, empty for a bare annotation;
    `through` is a junction's field, `public` its GraphQL name where Python cannot have it.
    """

    name: str
    field: str
    annotation: str
    binding: str = ""
    through: str = ""
    public: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ItemClass:
    """A class of a collection, and the names of its root fields: `one`, `all`, `groups`."""

    name: str
    module: str
    collection: str
    key: str
    key_type: str
    singleton: bool
    note: str
    one: str
    all: str
    groups: str
    fields: list[ItemField] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    """The names of other classes that its fields lead to."""


def design(instance: Instance, patterns: Sequence[str] = ()) -> list[ItemClass]:
    """The classes for the collections that fit `patterns` (`!` before one leaves out), by name."""
    return _Design(instance, patterns).classes()


class _Design:
    def __init__(self, instance: Instance, patterns: Sequence[str]) -> None:
        self._fields: dict[str, dict[str, FieldRow]] = {}
        for one in instance.fields:
            self._fields.setdefault(one.collection, {})[one.field] = one
        self._relations = instance.relations
        self._to_one = {(one.collection, one.field): one for one in instance.relations}
        self._rows = {
            row.collection: row for row in instance.collections if self._is_shown(row, patterns)
        }
        self._made: dict[str, ItemClass] = {}

    def classes(self) -> list[ItemClass]:
        """All classes, by module."""
        types = naming.Names(free=naming.is_free_type, gap="")
        modules = naming.Names(taken=naming.KEYWORDS | naming.BUILTINS)
        roots = naming.root_names()
        for name, row in sorted(self._rows.items()):
            self._made[name] = self._class(row, types, modules, roots)
        for made in self._made.values():
            made.fields.extend(self._fields_of(made))
        return sorted(self._made.values(), key=lambda one: one.module)

    def _is_shown(self, row: CollectionRow, patterns: Sequence[str]) -> bool:
        name = row.collection
        if row.schema is None or self._key(name) is None:
            return False
        if name.startswith(_OWN):
            leads = any(one.related_collection == FILES for one in self._relations)
            return name == FILES and leads
        hidden = row.meta is not None and row.meta.hidden
        junction = any(one.meta and one.meta.junction_field for one in self._from(name))
        if hidden and junction:
            return False
        return picked(patterns, partial(fnmatchcase, name))

    def _from(self, collection: str) -> Iterator[RelationRow]:
        return (one for one in self._relations if one.collection == collection)

    def _key(self, collection: str) -> FieldRow | None:
        fields = self._fields.get(collection, {}).values()
        return next((one for one in fields if one.schema and one.schema.is_primary_key), None)

    def _class(
        self, row: CollectionRow, types: naming.Names, modules: naming.Names, roots: naming.Names
    ) -> ItemClass:
        key = self._key(row.collection)
        if key is None:
            raise ValueError("a collection without a key is not shown")
        bare = row.collection.removeprefix(_OWN)
        single = naming.singular_words(bare) or ["item"]
        singleton = row.meta is not None and row.meta.singleton
        own = naming.words(bare) if singleton else single
        short = naming.snake(own, "item")
        name = types.take(naming.pascal(own, "Item"))
        one = roots.take(short)
        many = naming.plural_of(short)
        all_ = roots.take(many if many != short else f"all_{short}", f"{short}_items")
        kinds = {"integer": "int", "bigInteger": "int", "uuid": "UUID"}
        return ItemClass(
            name,
            modules.take(naming.snake(naming.words(bare), "items"), f"{short}_items"),
            row.collection,
            key.field,
            kinds.get(key.type, "str"),
            singleton,
            _note(row.meta),
            one,
            all_,
            roots.take(f"{one}_groups"),
        )

    def _fields_of(self, made: ItemClass) -> Iterator[ItemField]:
        names = naming.field_names()
        shown = _FILE_FIELDS if made.collection == FILES else None
        for row in self._fields[made.collection].values():
            special = (row.meta.special if row.meta else None) or []
            if (shown is not None and row.field not in shown) or "conceal" in special:
                continue
            found = self._field(made, row, names)
            if found is not None:
                yield found
        if made.collection == FILES:
            yield ItemField(names.take("url"), made.key, "str", "directus_asset")

    def _field(self, made: ItemClass, row: FieldRow, names: naming.Names) -> ItemField | None:
        note = _note(row.meta)
        to_one = self._to_one.get((made.collection, row.field))
        if to_one is not None and to_one.related_collection in self._made:
            target = self._target(made, to_one.related_collection)
            return _named(names, row.field, target, "directus_one", note=note)
        if row.type == "alias":
            return self._list(made, row, names, note)
        if row.field == made.key:
            return _named(names, row.field, "ID", note=note)
        known = "str" if row.type in _TEXTS else _ANNOTATIONS.get(row.type, "JSON")
        return _named(names, row.field, known, note=note)

    def _list(
        self, made: ItemClass, row: FieldRow, names: naming.Names, note: str
    ) -> ItemField | None:
        """A field on the side of one; None for one that only arranges Directus's forms."""
        back = next((one for one in self._relations if self._shows(one, made, row.field)), None)
        if back is None or back.meta is None:
            return None
        through = back.meta.junction_field
        if through is None:
            targets, binding = [back.collection], "directus_many"
        else:
            far = self._to_one.get((back.collection, through))
            single = far.related_collection if far is not None else None
            allowed = (far.meta.one_allowed_collections if far and far.meta else None) or []
            targets = allowed if single is None else [single]
            binding = "directus_any" if single is None else "directus_many"
        shown = [self._target(made, one) for one in targets if one in self._made]
        hint = f"list[{' | '.join(shown)}]"
        return _named(names, row.field, hint, binding, through or "", note) if shown else None

    @staticmethod
    def _shows(relation: RelationRow, made: ItemClass, name: str) -> bool:
        leads_here = relation.related_collection == made.collection
        return leads_here and relation.meta is not None and relation.meta.one_field == name

    def _target(self, made: ItemClass, collection: str) -> str:
        target = self._made[collection]
        if target is not made:
            made.uses.add(target.name)
        return target.name


def _note(meta: CollectionMeta | FieldMeta | None) -> str:
    """What people wrote about it; after `$t:` stands a key of Directus's own translations."""
    note = (meta.note if meta else None) or ""
    return "" if note.startswith("$t:") else note


def _named(  # noqa: PLR0913, PLR0917 - one parameter per part
    names: naming.Names,
    field_name: str,
    annotation: str,
    binding: str = "",
    through: str = "",
    note: str = "",
) -> ItemField:
    """A field under its own name in Python, as far as that can be one."""
    name = names.take(naming.snake(naming.words(field_name), "field"))
    attribute = naming.attribute(name)
    public = name if attribute != name else ""
    bare = not binding and (attribute != field_name or bool(note))
    own = "directus_field" if bare else binding
    return ItemField(attribute, field_name, annotation, own, through, public, note)
