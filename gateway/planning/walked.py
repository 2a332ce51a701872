"""Which parts of an operation graphql-core must walk. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.schema.catalog import Catalog
    from gateway.schema.selection import Field, Reader


class Walked:
    """Finds the syntax nodes, by identity, whose value graphql-core must walk into."""

    def __init__(self, catalog: Catalog, reader: Reader) -> None:
        self.catalog = catalog
        self.reader = reader
        self.nodes: set[int] = set()

    def walks(self, field: Field) -> bool:
        """Whether graphql-core must walk this field's value or run it; notes each such node."""
        if field.info is None:
            return False
        below = not field.info.plain and self.walks_below(field)
        return below or field.info.walked

    def walks_below(self, field: Field) -> bool:
        """Whether graphql-core must walk into this field's value, whoever gives it."""
        below = False
        if field.info is not None and not field.info.leaf:
            for type_name in self.catalog.types_of(field.info):
                below |= self.reader.cuts_below(field, type_name)
                for child in self.reader.below(field, type_name):
                    below |= self.walks(child)
        if below:
            self.nodes.update(id(node) for node in field.nodes)
        return below
