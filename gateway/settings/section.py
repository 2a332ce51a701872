"""What every table of settings is, and the types that many settings share."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from gateway.configuration import Secret

Text: TypeAlias = Annotated[str, Meta(min_length=1)]
HttpUrl: TypeAlias = Annotated[Secret, Meta(extra={"schemes": ("http", "https")})]


class Section(Struct, frozen=True, kw_only=True):
    """A table of the file. The string below a setting says what it means."""
