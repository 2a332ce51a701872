"""What the settings of a Directus must be; needs no Directus."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import load
from gateway.sources.contract import Budget
from gateway.wiring import _directus, forwarded

URL = {"DIRECTUS_URL": "https://cms.example"}
LOGIN = {"DIRECTUS_AUTH": "login", "DIRECTUS_EMAIL": "a@b.c", "DIRECTUS_PASSWORD": "hunter2"}


def test_ways_to_ask_it() -> None:
    """By a token, by a login, as the caller; the caller's header goes on in that case only."""
    assert load(environ=URL).directus["default"].auth == "token"
    login = load(environ=URL | LOGIN).directus["default"]
    assert (login.email, login.password.reveal()) == ("a@b.c", "hunter2")
    assert "authorization" not in forwarded(load(environ=URL | LOGIN))
    assert "authorization" in forwarded(load(environ=URL | {"DIRECTUS_AUTH": "caller"}))


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"DIRECTUS_TOKEN": "t"}, "directus.default.url (DIRECTUS_URL)"),
        (URL | {"DIRECTUS_AUTH": "login"}, "directus.default.email (DIRECTUS_EMAIL)"),
        (URL | LOGIN | {"DIRECTUS_TOKEN": "t"}, "directus.default.token (DIRECTUS_TOKEN)"),
        (
            URL | {"DIRECTUS_AUTH": "caller", "DIRECTUS_PASSWORD": "hunter2"},
            "directus.default.password (DIRECTUS_PASSWORD)",
        ),
        (URL | {"DIRECTUS_AUTH": "magic"}, "directus.default.auth (DIRECTUS_AUTH)"),
    ],
)
def test_settings_that_do_not_add_up(environ: dict[str, str], names: str) -> None:
    """Start-up names the setting, never a secret."""
    with pytest.raises(ConfigurationError) as raised:
        load(environ=environ)
    assert names in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize("required", [True, False])
async def test_one_that_is_away(*, required: bool) -> None:
    """Is not ready; whether the gateway then is not either, the settings say."""
    environ = {"DIRECTUS_URL": "http://127.0.0.1:1", "DIRECTUS_REQUIRED": str(required).lower()}
    source = _directus("directus", load(environ=environ).directus["default"])
    await source.open()
    health = await source.check(Budget(asyncio.get_running_loop().time() + 10))
    await source.close()
    assert (health.ready, health.required) == (False, required)
