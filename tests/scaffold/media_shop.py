"""The database from outside this project, and what is pulled of it."""

from __future__ import annotations

from pathlib import Path

from gateway.scaffold.selection import Selection

FIXTURE = Path(__file__).parents[1] / "fixtures" / "media_shop.sql"
SCHEMAS = ("public", "music", "office")
WHOLE = Selection(schemas=SCHEMAS, keys={"film_list": ("fid", "category")})
PACKAGE = "pulled_shop"
