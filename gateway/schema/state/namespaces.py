"""Namespaces of stored values: which keys clients may reach, and who may.

A domain names the namespaces of its API, and the settings open them. What nobody opened is closed
to everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Code, ConfigurationError, PlaitError
from gateway.schema.access.rules import ROLES

ANYONE = "*"
"""Stands among roles for every viewer, signed in or not."""

VALUE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Namespace:
    """Keys with a common prefix.

    `readers` and `writers` are roles. `text`: values are raw text instead of JSON.
    `max_ttl_seconds`: everything written gets a life, of at most this; 0 where it need not.
    """

    name: str
    prefix: str
    source: str = "default"
    readers: frozenset[str] = field(default_factory=frozenset)
    writers: frozenset[str] = field(default_factory=frozenset)
    text: bool = False
    max_value_bytes: int = VALUE_BYTES
    max_ttl_seconds: int = 0

    @property
    def shown(self) -> str:
        """Its name as the enum `StateNamespace` has it."""
        return self.name.upper()

    def lets(self, roles: Collection[str], *, write: bool) -> bool:
        """Whether a viewer with these roles may read it, or write it."""
        allowed = self.writers if write else self.readers
        return ANYONE in allowed or not allowed.isdisjoint(roles)


class Namespaces:
    """All namespaces that the settings open, by name.

    Raises ConfigurationError where two have the same keys.
    """

    def __init__(self, opened: Iterable[Namespace] = ()) -> None:
        self._opened = {one.name: one for one in opened}
        owners: dict[tuple[str, str], str] = {}
        for one in self._opened.values():
            other = owners.setdefault((one.source, one.prefix), one.name)
            if other != one.name:
                raise ConfigurationError(
                    f"state.{one.name}.prefix: the namespace {other} has the same one."
                )

    def __iter__(self) -> Any:
        return iter(self._opened.values())

    def named(self, name: str) -> Namespace:
        """The namespace; one that is closed to everybody where nobody opened it."""
        return self._opened.get(name) or Namespace(name, f"{name}:")

    def guard(self, name: str, *, write: bool) -> Guard:
        """What checks viewers of this namespace."""
        return Guard(self, self.named(name), write)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets a viewer into a namespace, or refuses."""

    namespaces: Namespaces
    namespace: Namespace
    write: bool

    def __call__(self, viewer: Sequence[Any]) -> None:
        """Raises PlaitError (FORBIDDEN) that names the namespaces this viewer may use.

        `viewer`: the values that `gateway.schema.access.rules.viewer_values` gives.
        """
        roles = viewer[ROLES]
        if self.namespace.lets(roles, write=self.write):
            return
        verb = "write" if self.write else "read"
        may = [one.shown for one in self.namespaces if one.lets(roles, write=self.write)]
        raise PlaitError(
            f"You may not {verb} the namespace {self.namespace.shown}; "
            f"you may {verb} {', '.join(sorted(may)) or 'none'}.",
            code=Code.FORBIDDEN,
            extensions={"namespaces": sorted(may)},
        )
