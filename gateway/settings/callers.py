"""Who may call: identity, issuers of tokens, API keys."""

from typing import Annotated, Literal

from msgspec import Meta

from gateway.settings.section import Section, Text


class Identity(Section, frozen=True, kw_only=True):
    """Who may ask without credentials, and how API keys travel."""

    anonymous: Literal["none", "read", "all"] = "read"
    """What callers without credentials may do: nothing, queries, or all."""
    key_header: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "X-API-Key"
    """The header of an API key."""
    key_seconds: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    """Seconds the domain's word on an API key is believed."""
    unknown_keys: Annotated[int, Meta(ge=0, le=1_000_000)] = 60
    """Unknown API keys of one address, in a minute, that it is asked about; 0 sets no bound."""
    max_token_bytes: Annotated[int, Meta(ge=256, le=1 << 16)] = 8192
    """Bytes of a bearer token."""


class Jwt(Section, frozen=True, kw_only=True):
    """One issuer of JSON Web Tokens, with its keys: published, or in a file."""

    issuer: Text = ""
    """Its `iss`, to the letter."""
    audience: Text = ""
    """One of these must be the `aud`; `*` allows any or none."""
    algorithms: Text = "RS256"
    """The algorithms that its tokens may be signed by."""
    jwks_url: Annotated[str, Meta(extra={"schemes": ("https", "http")})] = ""
    """Where it publishes its keys; `http` only within a trusted network."""
    key_file: Text = ""
    """Its public key, as PEM, instead of `jwks_url`."""
    secret_file: Text = ""
    """The secret of HS256 and the like, instead of a key."""
    leeway: Annotated[float, Meta(ge=0, le=300)] = 30.0
    """Seconds by which its clock may differ."""
    subject: Text = "sub"
    """The claim with the subject, or a JSON pointer to it."""
    subject_prefix: Annotated[str, Meta(max_length=64)] = ""
    """Put before its subjects, to tell issuers apart."""
    roles: Text = "roles"
    """The claim with the roles."""
    scopes: Text = "scope"
    """The claim with the scopes."""
    tenant: Text = "tenant"
    """The claim with the tenant."""
    claims: Text = ""
    """Further claims for rules and policies to read."""
    fetch_seconds: Annotated[float, Meta(gt=0, le=60)] = 3.0
    """Seconds that fetching its keys may take."""
    refresh_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    """Seconds after which its keys are fetched anew."""
    interval_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """Seconds between two fetches, whatever tokens name."""
    max_age_seconds: Annotated[float, Meta(ge=60, le=604_800)] = 86_400.0
    """Seconds its keys serve while it is out of reach."""


class ApiKey(Section, frozen=True, kw_only=True):
    """One API key, known by its hash."""

    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] = ""
    """The key's SHA-256, in hex."""
    subject: Text = ""
    """Who its bearer is."""
    roles: Text = ""
    """Their roles, by spaces."""
    scopes: Text = ""
    """Their scopes, by spaces."""
    tenant: Text = ""
    """Their tenant."""
