"""The statement that says whose an API key is."""

from __future__ import annotations

from gateway.errors import ConfigurationError
from gateway.schema.definitions import fields_of
from gateway.schema.named.binding import NamedSql, Row
from gateway.schema.named.fields import NamedFields
from gateway.schema.named.statement import NamedStatement
from gateway.schema.places import Place, Placed

COLUMNS = {"subject": "text", "roles": "text[]", "scopes": "text[]", "tenant": "text"}


def key_owner(cls: type, named: NamedFields) -> NamedStatement:
    """The statement of a class that has one field, bound to a file; not part of the schema.

    The file takes `hash: text`, a key's SHA-256 in hex, and is a `fetchrow` of `subject: text` and
    any of `roles: text[]`, `scopes: text[]`, `tenant: text`. Raises ConfigurationError.
    """
    fields = fields_of(cls)
    binding = getattr(fields[0], "binding", None) if len(fields) == 1 else None
    if not isinstance(binding, NamedSql):
        raise ConfigurationError(f"{cls.__name__}: it must have one field, bound by `named_sql`.")
    named.settle(Placed(fields[0], cls, Place.QUERIES, Row, nullable=True), binding)
    statement: NamedStatement = fields[0].binding.settled()
    asked = [(one.name, one.sql_type) for one in statement.asked]
    given = {info.name: info.column for info in statement.columns}
    wrong = [name for name in given if name not in COLUMNS]
    if asked != [("hash", "text")] or "subject" not in given or wrong:
        raise ConfigurationError(
            f"{statement.name}: a statement on API keys takes `hash: text` and gives "
            f"`subject: text` and any of {', '.join(list(COLUMNS)[1:])}."
        )
    return statement
