"""Payload indexes: from Qdrant's field types and parameters to the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.schema import member

if TYPE_CHECKING:
    from collections.abc import Callable

_CLASSES = {
    "keyword_index_params": edge.KeywordIndexParams,
    "integer_index_params": edge.IntegerIndexParams,
    "float_index_params": edge.FloatIndexParams,
    "geo_index_params": edge.GeoIndexParams,
    "text_index_params": edge.TextIndexParams,
    "bool_index_params": edge.BoolIndexParams,
    "datetime_index_params": edge.DatetimeIndexParams,
    "uuid_index_params": edge.UuidIndexParams,
}


def index_schema(request: pb.CreateFieldIndexCollection) -> Any:
    """What kind of index a request asks for: its parameters, or else its plain type.

    Raises `Fault` when it names neither.
    """
    kind = request.field_index_params.WhichOneof("index_params")
    if kind is not None:
        message = getattr(request.field_index_params, kind)
        return _CLASSES[kind](**_parameters(message))
    if not request.HasField("field_type"):
        raise invalid(f"field {request.field_name!r}: say which type of index it gets")
    name = pb.FieldType.Name(request.field_type).removeprefix("FieldType")
    return getattr(edge.PayloadSchemaType, name)


def _parameters(message: Any) -> dict[str, Any]:
    """The parameters that were given, read by name; plain ones are taken as they are."""
    return {
        field.name: _READERS[field.name](value) if field.name in _READERS else value
        for field, value in message.ListFields()
    }


def _memory(value: int) -> Any:
    return member(edge.Memory, pb.Memory, value)


def _tokenizer(value: int) -> Any:
    return member(edge.TokenizerType, pb.TokenizerType, value)


def _scoring(message: pb.TextScoringParams) -> edge.TextScoringParams:
    return edge.TextScoringParams(member(edge.TextScoringType, pb.TextScoringType, message.type))


def _stopwords(message: pb.StopwordsSet) -> edge.StopwordsSet:
    languages = {_language(edge.Language, name) for name in message.languages}
    return edge.StopwordsSet(languages or None, set(message.custom) or None)


def _stemmer(message: pb.StemmingAlgorithm) -> Any:
    if message.WhichOneof("stemming_params") == "snowball":
        return edge.SnowballParams(_language(edge.SnowballLanguage, message.snowball.language))
    return edge.DisabledStemmer()


def _language(languages: type, name: str) -> Any:
    found = getattr(languages, name.capitalize(), None)
    if found is None:
        raise unsupported(f"the language {name[:40]!r}")
    return found


_READERS: dict[str, Callable[[Any], Any]] = {
    "memory": _memory,
    "tokenizer": _tokenizer,
    "scoring": _scoring,
    "stopwords": _stopwords,
    "stemmer": _stemmer,
    "prefix": lambda _message: True,
}
