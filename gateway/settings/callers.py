"""Who may call: identity, issuers of tokens, API keys."""

from typing import Annotated, Literal

from msgspec import Meta

from gateway.settings.section import Section


class Identity(Section, frozen=True, kw_only=True):
    """Who may ask without credentials, and how API keys travel."""

    anonymous: Annotated[
        Literal["none", "read", "all"],
        Meta(description="What callers without credentials may do: nothing, queries, or all."),
    ] = "read"
    key_header: Annotated[
        str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="The header of an API key.")
    ] = "X-API-Key"
    key_seconds: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds the domain's word on an API key is believed."),
    ] = 30.0
    max_token_bytes: Annotated[
        int, Meta(ge=256, le=1 << 16, description="Bytes of a bearer token.")
    ] = 8192


class Jwt(Section, frozen=True, kw_only=True):
    """One issuer of JSON Web Tokens, with its keys: published, or in a file."""

    issuer: Annotated[str, Meta(min_length=1, description="Its `iss`, to the letter.")] = ""
    audience: Annotated[
        str,
        Meta(min_length=1, description="One of these must be the `aud`; `*` allows any or none."),
    ] = ""
    algorithms: Annotated[
        str, Meta(min_length=1, description="The algorithms that its tokens may be signed by.")
    ] = "RS256"
    jwks_url: Annotated[
        str,
        Meta(
            description="Where it publishes its keys; `http` only within a trusted network.",
            extra={"schemes": ("https", "http")},
        ),
    ] = ""
    key_file: Annotated[
        str, Meta(min_length=1, description="Its public key, as PEM, instead of `jwks_url`.")
    ] = ""
    secret_file: Annotated[
        str, Meta(min_length=1, description="The secret of HS256 and the like, instead of a key.")
    ] = ""
    leeway: Annotated[
        float, Meta(ge=0, le=300, description="Seconds by which its clock may differ.")
    ] = 30.0
    subject: Annotated[
        str, Meta(min_length=1, description="The claim with the subject, or a JSON pointer to it.")
    ] = "sub"
    subject_prefix: Annotated[
        str, Meta(max_length=64, description="Put before its subjects, to tell issuers apart.")
    ] = ""
    roles: Annotated[str, Meta(min_length=1, description="The claim with the roles.")] = "roles"
    scopes: Annotated[str, Meta(min_length=1, description="The claim with the scopes.")] = "scope"
    tenant: Annotated[str, Meta(min_length=1, description="The claim with the tenant.")] = "tenant"
    claims: Annotated[
        str, Meta(min_length=1, description="Further claims for rules and policies to read.")
    ] = ""
    fetch_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Seconds that fetching its keys may take.")
    ] = 3.0
    refresh_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds after which its keys are fetched anew.")
    ] = 300.0
    interval_seconds: Annotated[
        float,
        Meta(ge=1, le=3600, description="Seconds between two fetches, whatever tokens name."),
    ] = 60.0
    max_age_seconds: Annotated[
        float,
        Meta(ge=60, le=604_800, description="Seconds its keys serve while it is out of reach."),
    ] = 86_400.0


class ApiKey(Section, frozen=True, kw_only=True):
    """One API key, known by its hash."""

    hash: Annotated[
        str, Meta(pattern="^[0-9a-f]{64}$", description="The key's SHA-256, in hex.")
    ] = ""
    subject: Annotated[str, Meta(min_length=1, description="Who its bearer is.")] = ""
    roles: Annotated[str, Meta(min_length=1, description="Their roles, by spaces.")] = ""
    scopes: Annotated[str, Meta(min_length=1, description="Their scopes, by spaces.")] = ""
    tenant: Annotated[str, Meta(min_length=1, description="Their tenant.")] = ""
