"""Bound fields where they stand: on which sort of class, and what each is annotated with."""

from __future__ import annotations

import re
import sys
import types
import typing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Union

from typing_extensions import Format, get_annotations

from gateway.configuration import nearest
from gateway.errors import ConfigurationError
from gateway.schema.bindings import Bound, NodeIdBinding
from gateway.schema.definitions import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.schema.bindings import Binding


NO_ENTITY = "annotate it with an entity of the domain."


class Place(StrEnum):
    """The sorts of class that have bound fields, as errors call them."""

    ENTITY = "an entity"
    COLLECTION = "a class of a collection"
    QUERIES = "a class of @queries"
    MUTATIONS = "a class of @mutations"
    SUBSCRIPTIONS = "a class of @subscriptions"


@dataclass(frozen=True, slots=True)
class Placed:
    """A bound field of `cls`; `inner` is its annotation without `| None`, which it may have had."""

    field: Bound
    cls: type
    place: Place
    inner: Any
    nullable: bool

    @property
    def where(self) -> str:
        """How errors call it."""
        return f"{self.cls.__name__}.{self.field.python_name}"

    def wrong(self, says: str) -> ConfigurationError:
        """An error that names it, and says what would be right."""
        return ConfigurationError(f"{self.where}: {says}")

    @property
    def binding(self) -> Binding:
        """What it is bound to."""
        return self.field.binding


def placed_fields(cls: type, place: Place, names: Mapping[str, type]) -> Iterator[Placed]:
    """The bound fields of a class, whose annotations may use `names` without an import.

    Raises ConfigurationError for an annotation that cannot be resolved.
    """
    hints = _hints(cls, names)
    for field in fields_of(cls):
        if isinstance(field, Bound) and not isinstance(field.binding, NodeIdBinding):
            inner, nullable = optional(hints[field.python_name])
            yield Placed(field, cls, place, inner, nullable)


def _hints(cls: type, names: Mapping[str, type]) -> dict[str, Any]:
    module = vars(sys.modules[cls.__module__])
    try:
        return typing.get_type_hints(cls, module, dict(names), include_extras=True)
    except NameError as error:
        name = error.name or ""
        raise ConfigurationError(
            f"{_annotated(cls, name)}: {name!r} is not known; import it, or add it to the domain's "
            f"entities or collections{nearest(name, names)}"
        ) from None


def _annotated(cls: type, name: str) -> str:
    """The first of a class's fields with a name in its annotation, or the class."""
    found = re.compile(rf"\b{re.escape(name)}\b").search
    for field, written in get_annotations(cls, format=Format.STRING).items():
        if found(written):
            return f"{cls.__name__}.{field}"
    return cls.__name__


def optional(hint: Any) -> tuple[Any, bool]:
    """The hint without `| None`, and whether there was one."""
    if typing.get_origin(hint) in {Union, types.UnionType}:
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False
