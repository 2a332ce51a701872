"""What an embedder is to the rest of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.errors import InputError

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence


class Embedder(Protocol):
    """Turns texts into vectors that lie close together when the texts mean the same.

    `model`: names the model and everything that changes its vectors; part of every cache key.
    `dimensions`: the length of each vector. `max_chars`: the longest text it takes.
    """

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def dimensions(self) -> int:
        """The length of every vector it makes."""

    @property
    def max_chars(self) -> int:
        """The longest text it takes, in characters."""

    def check(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """Refuse texts that `embed` would not take together.

        Raises `InputError` calling a text by its name, or just so where there are no `names`.
        """

    async def embed(self, texts: Sequence[str], deadline: float) -> list[array[float]]:
        """One vector of length 1 per text, in their order; all zeros for a text that says nothing.

        Its numbers are 32-bit floats, as engines keep them: an array of type "f".

        `deadline` is in the event loop's clock, seconds. Raises `InputError` for a text that is
        too long or not valid Unicode, `SourceTimeout` when the deadline passes first.
        """

    async def warm(self) -> None:
        """Get ready for the first text, where that takes a while; what goes wrong is logged."""

    async def aclose(self) -> None:
        """Release everything; idempotent."""


def check_text(text: str, max_chars: int, name: str = "text") -> None:
    """Refuse a text no embedder can take.

    Raises `InputError` calling it `name` when it is blank, longer than `max_chars`, or holds half
    of a surrogate pair.
    """
    if not text.strip():
        raise InputError.about(name, "is empty; give at least one word")
    check_embeddable(text, max_chars, name)


def check_all(texts: Sequence[str], max_chars: int, names: Sequence[str] = ()) -> None:
    """`check_embeddable` for several texts, each under its name."""
    for place, text in enumerate(texts):
        check_embeddable(text, max_chars, names[place] if names else "text")


def check_embeddable(text: str, max_chars: int, name: str = "text") -> None:
    """Like `check_text`, but a blank text passes."""
    if len(text) > max_chars:
        raise InputError.about(name, f"has {len(text)} characters; at most {max_chars} are allowed")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError.about(name, "is not valid Unicode: it holds a lone surrogate") from None
