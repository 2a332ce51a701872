"""What a row needs, from what it says and what is known of its point. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from gateway.errors import InputError

if TYPE_CHECKING:
    from gateway.schema.vectors.sync import VectorSync
    from gateway.sources.postgres.syncing.ledger import Row


class Need(Enum):
    """What is to be done about a row's point."""

    NOTHING = "nothing"
    EMBED = "embed"
    PAYLOAD = "payload"
    """Another payload beside the same vector."""
    REMOVE = "remove"


def need(row: Row, model: str) -> Need:
    """What the row needs where `model` embeds.

    A row that is gone, or has no text, has no point: removing one that is not there is harmless.
    """
    if row.text is None:
        return Need.REMOVE
    if row.known_model != model or row.known_content != row.content_hash:
        return Need.EMBED
    if row.known_payload is None:  # not certain: it may have been stored by halves
        return Need.EMBED
    return Need.NOTHING if row.known_payload == row.payload_hash else Need.PAYLOAD


def fitting(text: str, sync: VectorSync, max_chars: int) -> str:
    """The text as the model takes it. Raises `InputError` where it is too long and may not be cut.

    The cut is at a space, where there is one in the last hundred characters.
    """
    if len(text) <= max_chars:
        return text
    if sync.long_text == "fail":
        raise InputError(f"the text has {len(text)} characters; the model takes {max_chars}")
    end = text.rfind(" ", max_chars - 100, max_chars)
    return text[: end if end > 0 else max_chars]
