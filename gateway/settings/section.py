"""What every table of settings is."""

from msgspec import Struct


class Section(Struct, frozen=True, kw_only=True):
    """A table of the file."""
