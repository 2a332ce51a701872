"""Settings of the key-value sources: `[datasource.<name>]`, `DATASOURCE_<NAME>_TYPE` and so on.

Which of them a source needs depends on its type; `check_datasource` says what is missing.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from gateway.configuration import Reading, Secret, Setting, is_url
from gateway.settings.section import Section, Text
from gateway.settings.sources import REDIS_SCHEMES

_FORBIDDEN = re.compile(r"[*?\[\]\\{}]|//|(^|/)\.{1,2}(/|$)|^/")
_DOCUMENT_BYTES = 15 << 20
"""What fits into one document of MongoDB, with room for its key."""


class Datasource(Section, frozen=True, kw_only=True):
    """One key-value source for contexts of workflows and resolvers."""

    type: Annotated[str, Meta(pattern="^(redis|postgresql|mongodb|s3|filesystem)$")] = ""
    """What it is: redis, postgresql, mongodb, s3 or filesystem."""
    url: Secret = Secret()
    """Its address with its credentials; of all but filesystem."""
    path: Text = ""
    """The folder of a filesystem source."""
    prefix: Annotated[str, Meta(pattern="^[!-~]{1,128}$")] = ""
    """What its keys begin with in the engine; without one its name and `:`."""
    table: Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_]{0,49}$")] = "plait_context"
    """The table of postgresql, made where it is missing; mongodb's collection."""
    region: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    """The region of an s3 bucket."""
    ttl: Annotated[float, Meta(ge=0, le=316_224_000)] = 0.0
    """Seconds a value lives by default; 0 for ever."""
    read: Text = ""
    """The roles that may read it by GraphQL, by spaces; `*` is anybody."""
    max_value_bytes: Annotated[int, Meta(ge=1, le=1 << 26)] = 1 << 20
    """Bytes of the JSON of one value."""
    compress_above: Annotated[int, Meta(ge=0, le=1 << 26)] = 4_096
    """Deflate larger values; 0 for never."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    """Seconds a call may take; a deadline cuts it."""
    connections: Annotated[int, Meta(ge=1, le=1_000)] = 8
    """Calls under way at once, each on a connection."""


SCHEMES = {
    "redis": REDIS_SCHEMES,
    "postgresql": ("postgresql", "postgres"),
    "mongodb": ("mongodb", "mongodb+srv"),
    "s3": ("s3", "https", "http"),
}
"""How the URL of each type may begin."""


def check_datasource(
    reading: Reading, settings: Mapping[str, Setting], values: Mapping[str, Any]
) -> None:
    """Note what is missing or does not go together, by the names of the settings."""
    if reading.failed("type", of=settings):
        return
    if "type" not in values:
        kinds = ", ".join((*SCHEMES, "filesystem"))
        reading.wrong(settings["type"].problem(f"expected one of {kinds}"))
        return
    kind = values["type"]
    needed, other = ("path", "url") if kind == "filesystem" else ("url", "path")
    if other in values:
        reading.wrong(settings[other].problem(f"a source of type {kind} has none"))
    if needed == "path" and "path" not in values:
        reading.wrong(settings["path"].problem("expected a folder, as the type is filesystem"))
    if needed == "url" and not is_url(values.get("url", ""), SCHEMES[kind]):
        begins = " or ".join(f"{scheme}://" for scheme in SCHEMES[kind])
        expected = f"expected a URL that begins with {begins}, as the type is {kind}"
        reading.wrong(settings["url"].problem(expected))
    if _FORBIDDEN.search(values.get("prefix", "")):
        reading.wrong(
            settings["prefix"].problem(
                r"expected no *, ?, [, ], \, { or }, no //, no leading / and no . or .. between /"
            )
        )
    if kind == "mongodb" and values.get("max_value_bytes", 0) > _DOCUMENT_BYTES:
        most = f"expected at most {_DOCUMENT_BYTES}, as the type is mongodb"
        reading.wrong(settings["max_value_bytes"].problem(most))
