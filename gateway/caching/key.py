"""One function makes every key: plan, arguments, key of the row, viewer.

A plan's identity holds the prefix, the schema, the source and its native request, so that another
schema or another selection never meets this one's entries. Values are written with their types and
lengths: `1`, `true`, `1.0` and `"1"` are four different things, and no two sequences of values run
together. A value of an unknown type makes its answer uncacheable, never shared.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from gateway.schema.columns.scalars import EndOfDay, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

KEY_BYTES = 20


class UncacheableError(TypeError):
    """A value has no canonical form, so what hangs on it is not cached."""


def plan_identity(schema: bytes, source: str, native: bytes) -> bytes:
    """Stands for everything about an answer that is known before the request.

    `schema`: a hash of the schema and of what else makes two deployments different. `native`: the
    source's own request in a form that is the same in every process.
    """
    return blake2b(
        canonical((schema, source, native)), digest_size=KEY_BYTES, person=b"plait-plan"
    ).digest()


def entry_key(
    plan: bytes,
    arguments: tuple[Any, ...] = (),
    key: tuple[Any, ...] | None = None,
    viewer: Hashable = None,
) -> bytes:
    """The key of one answer: 20 bytes.

    `arguments`: the bind values, which hold the viewer attributes that the plan reads. `key`: of
    the row, None for a plan without keys. `viewer`: the whole of it for private answers. Raises
    UncacheableError.
    """
    text = canonical((arguments, key, viewer))
    return blake2b(text, digest_size=KEY_BYTES, key=plan, person=b"plait-entry").digest()


def entry_keys(
    plan: bytes, arguments: tuple[Any, ...], keys: Sequence[Sequence[Any]], viewer: Hashable = None
) -> list[bytes]:
    """`entry_key` for each of many rows of one plan. Raises UncacheableError."""
    begin = blake2b(
        b"l3:" + canonical(arguments), digest_size=KEY_BYTES, key=plan, person=b"plait-entry"
    )
    after = canonical(viewer)
    found = []
    for key in keys:
        one = begin.copy()
        if len(key) == 1 and type(key[0]) is int:
            one.update(b"l1:i%d;%b" % (key[0], after))
        else:
            one.update(canonical(tuple(key)) + after)
        found.append(one.digest())
    return found


def canonical(value: Any) -> bytes:
    """The value as bytes: equal for equal values of equal types, different for all others."""
    parts: list[bytes] = []
    _write(value, parts.append)
    return b"".join(parts)


def _write(value: Any, add: Callable[[bytes], None]) -> None:
    kind = type(value)
    if kind is str:
        encoded = value.encode("utf-8", "surrogatepass")
        add(b"s%d:%b" % (len(encoded), encoded))
    elif kind is int:
        add(b"i%d;" % value)
    elif value is None:
        add(b"n")
    elif kind is bool:
        add(b"t" if value else b"f")
    elif kind is tuple or kind is list:
        add(b"l%d:" % len(value))
        for part in value:
            _write(part, add)
    elif kind is float:
        add(b"d" + struct.pack("<d", value))
    else:
        _write_other(kind, value, add)


def _write_other(kind: type, value: Any, add: Callable[[bytes], None]) -> None:
    if kind is bytes:
        add(b"b%d:%b" % (len(value), value))
    elif kind in _TEXTS:
        _tagged(kind.__name__, _TEXTS[kind](value), add)
    elif isinstance(value, enum.Enum):
        _tagged(f"{kind.__module__}.{kind.__qualname__}", value.name, add)
    elif kind is dict:
        members = sorted((canonical(name), member) for name, member in value.items())
        add(b"m%d:" % len(members))
        for name, member in members:
            add(name)
            _write(member, add)
    elif kind in {set, frozenset}:
        written = sorted(map(canonical, value))
        add(b"u%d:%b" % (len(written), b"".join(written)))
    else:
        _write_fields(kind, value, add)


def _write_fields(kind: type, value: Any, add: Callable[[bytes], None]) -> None:
    """An object that is nothing but its fields."""
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind) if field.compare]
    elif issubclass(kind, msgspec.Struct):
        names = list(kind.__struct_fields__)
    else:
        raise UncacheableError(f"a {kind.__name__} has no canonical form")
    _tagged("object", f"{kind.__module__}.{kind.__qualname__}", add)
    _write([getattr(value, name) for name in names], add)


def _tagged(tag: str, text: str, add: Callable[[bytes], None]) -> None:
    add(b"x")
    _write(tag, add)
    _write(text, add)


_TEXTS: Mapping[type, Callable[[Any], str]] = {
    Decimal: str,
    UUID: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    EndOfDay: str,
    timedelta: lambda value: f"{value.days},{value.seconds},{value.microseconds}",
    Span: lambda value: f"{value.months},{value.days},{value.seconds},{value.microseconds}",
}
