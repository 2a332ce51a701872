"""The OpenAI embeddings protocol: what is sent, and a strict reading of what comes back. Pure.

`POST /embeddings`, https://platform.openai.com/docs/api-reference/embeddings/create; spoken by
vLLM, Ollama, LM Studio, text-embeddings-inference, LiteLLM and others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import orjson

from gateway.embedding.vectors import unit, unit_of_bytes
from gateway.errors import SourceRefused

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence
    from typing import TypeAlias

    Form: TypeAlias = Literal["base64", "float"]
    """How an answer holds vectors: 32-bit floats as base64, a fifth of the bytes, or numbers."""

_BYTES_PER_NUMBER = 40
_PACKED_BYTES = 4
_ENVELOPE_BYTES = 65_536


class _Embedding(msgspec.Struct):
    index: int
    embedding: list[float] | bytes


class _Answer(msgspec.Struct):
    data: list[_Embedding]


def request_body(texts: Sequence[str], model: str, dimensions: int | None, form: Form) -> bytes:
    """The JSON that asks for the vectors of `texts`; an answer may have another form all the same.

    `dimensions` is sent only where the model is to shorten its vectors: many refuse the field.
    """
    body: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": form}
    if dimensions is not None:
        body["dimensions"] = dimensions
    return orjson.dumps(body)


def most_bytes(count: int, dimensions: int) -> int:
    """More bytes than an honest answer with `count` vectors has."""
    return _ENVELOPE_BYTES + count * (dimensions + 16) * _BYTES_PER_NUMBER


def read_answer(body: bytes, count: int, dimensions: int) -> list[array[float]]:
    """The vectors of an answer in the order of their `index`, each of length 1.

    Raises `SourceRefused` for anything but exactly `count` vectors of `dimensions` finite numbers.
    """
    try:
        data = msgspec.json.decode(body, type=_Answer).data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SourceRefused("the embedding service's answer cannot be read") from None
    if len(data) != count:
        raise SourceRefused(f"the embedding service gave {len(data)} vectors for {count} texts")
    vectors: list[array[float] | None] = [None] * count
    for one in data:
        if not 0 <= one.index < count or vectors[one.index] is not None:
            raise SourceRefused("the embedding service's answer numbers its vectors wrongly")
        vectors[one.index] = _checked(one.embedding, dimensions)
    return [vector for vector in vectors if vector is not None]


def _checked(vector: list[float] | bytes, dimensions: int) -> array[float]:
    count = len(vector) / (_PACKED_BYTES if isinstance(vector, bytes) else 1)
    if count != dimensions:
        raise SourceRefused(
            f"the embedding service gave {count:g} dimensions, not {dimensions}; set "
            "embedding.dimensions to what the model makes, or embedding.shorten where it can"
        )
    found = unit_of_bytes(vector) if isinstance(vector, bytes) else unit(vector)
    if found is None:
        raise SourceRefused("the embedding service gave a vector with numbers that are not finite")
    return found
