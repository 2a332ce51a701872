"""Tables in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def ddl(tables: sa.MetaData) -> str:
    """What makes these tables, beside the extension that some of them need."""
    statements = ["CREATE EXTENSION IF NOT EXISTS citext"]

    def collect(statement: Any, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)).strip())

    engine = sa.create_mock_engine("postgresql+asyncpg://", collect)
    tables.create_all(engine, checkfirst=False)
    return ";\n".join(statements)
