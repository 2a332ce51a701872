"""The vault behind a gateway, and those who knock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from identity import vault
from writes.shop_tables import script
from writes.stand import standing

from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

HR = Viewer("hal", roles=frozenset({"hr"}))
ADMIN = Viewer("ada", roles=frozenset({"admin"}))
FRIEND = Viewer("fay", roles=frozenset({"friend"}))
EDITOR = Viewer("edd", roles=frozenset({"editor"}))
VIEWERS = {
    "nobody": ANONYMOUS,
    "somebody": Viewer("sam"),
    "hr": HR,
    "admin": ADMIN,
    "friend": FRIEND,
    "editor": EDITOR,
    "half a key": Viewer("kim", scopes=frozenset({"pins"})),
    "both halves": Viewer("kay", scopes=frozenset({"pins", "vault"})),
    "root": Viewer("rob", scopes=frozenset({"root"})),
    "grown": Viewer("gus", tenant="iron", claims=(("age", 40),)),
    "grown and paying": Viewer("guy", tenant="gold", claims=(("age", 40),)),
    "roles by other names": Viewer("mal", roles=frozenset({"HR", "admins", "root", "pins"})),
    "scopes by other names": Viewer("mia", scopes=frozenset({"hr", "admin", "friend", "roots"})),
    "everybody": Viewer(
        "eve",
        frozenset({"hr", "admin", "friend", "editor", "caretaker"}),
        frozenset({"root"}),
        "gold",
        (("age", 40),),
    ),
}


@pytest.fixture(scope="module")
async def house(module_database: FreshDatabase) -> AsyncIterator[Stand]:
    """The vault's gateway."""
    addresses = {"POSTGRES_URL": await module_database()}
    async with standing("identity.vault", script(vault.metadata, vault.ROWS), addresses) as stand:
        vault.RAN.clear()
        yield stand
