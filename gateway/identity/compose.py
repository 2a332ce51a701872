"""From settings to what identifies callers. Raises ConfigurationError naming the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.identity.apikeys import ApiKeys
from gateway.identity.clients import Clients
from gateway.identity.guesses import Guesses
from gateway.identity.identify import Identity
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from gateway.identity.apikeys import Lookup
    from gateway.identity.tokens import Tokens
    from gateway.settings import ApiKey, Settings


def identity_of(settings: Settings, lookup: Lookup | None) -> Identity:
    """What tells who sends a request. `lookup` asks the domain for API keys, if it keeps any."""
    identity = settings.identity
    known = dict(_known(name, key) for name, key in settings.api_key.items())
    keys = None
    if known or lookup is not None:
        clients = Clients(settings.rate_limit.client_header)
        guesses = Guesses(identity.unknown_keys, clients) if identity.unknown_keys else None
        keys = ApiKeys(known, lookup, remember=identity.key_seconds, guesses=guesses)
    return Identity(
        _tokens(settings) if settings.jwt else None,
        keys,
        key_header=identity.key_header.lower().encode(),
        anonymous=identity.anonymous != "none",
    )


def _known(name: str, key: ApiKey) -> tuple[str, Viewer]:
    if not key.hash:
        raise ConfigurationError(f"api_key.{name}.hash: expected the key's SHA-256, in hex.")
    if not key.subject:
        raise ConfigurationError(f"api_key.{name}.subject: expected who the key's bearer is.")
    roles, scopes = frozenset(key.roles.split()), frozenset(key.scopes.split())
    return key.hash, Viewer(key.subject, roles, scopes, key.tenant or None)


def _tokens(settings: Settings) -> Tokens:
    # Ten megabytes of cryptography, for those who have issuers.
    from gateway.identity.issuers import tokens_of  # noqa: PLC0415

    return tokens_of(settings.jwt, settings.identity.max_token_bytes)
