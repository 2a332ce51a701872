"""From the bytes of a body or a query string to `GraphQLRequest`s, or a refusal that says why."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from gateway.errors import Code, RequestError
from gateway.execution.exchange import GraphQLRequest

if TYPE_CHECKING:
    from gateway.transport.limits import HttpLimits

_BODY: msgspec.json.Decoder[GraphQLRequest | list[GraphQLRequest]] = msgspec.json.Decoder(
    GraphQLRequest | list[GraphQLRequest]
)


class _Said(msgspec.Struct):
    """Whether a request has a `query` at all."""

    query: str | msgspec.UnsetType = msgspec.UNSET


_SAID: msgspec.json.Decoder[_Said | list[_Said]] = msgspec.json.Decoder(_Said | list[_Said])
_EMPTY = " "
"""An empty document: one that does not parse, as against none at all."""
_OBJECT: msgspec.json.Decoder[dict[str, Any] | None] = msgspec.json.Decoder(dict[str, Any] | None)
_PARAMETERS = frozenset({"query", "documentId", "operationName", "variables", "extensions"})
_CONTAINERS = frozenset({dict, list})
"""What JSON's objects and lists are decoded as."""
_MAX_PARAMETERS = 16
_MAX_MEDIA_TYPE_BYTES = 256


def decode_body(
    body: bytes, limits: HttpLimits, what: str = "The body"
) -> GraphQLRequest | list[GraphQLRequest]:
    """Decode the JSON body of a POST: one request, or several as an array; errors call it `what`.

    Raises `RequestError` (BAD_REQUEST) for anything but UTF-8, JSON as its standard has it, an
    object or a non-empty array of objects with members of the right types, within the limits.
    """
    _require_utf8(body)
    opening = require_few(body, limits, what)
    try:
        decoded = _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise RequestError(f"{what} is not a GraphQL request: {error}.") from None
    except msgspec.DecodeError as error:
        raise RequestError(f"{what} is not valid JSON: {error}.") from None
    except RecursionError:
        raise _too_deep(what, limits) from None
    if opening > limits.max_json_depth:  # which bounds the depth, and costs nothing to know
        require_shallow(decoded, limits)
    if isinstance(decoded, list):
        _require_batch(decoded, limits)
        if not all(each.document for each in decoded):
            said: Any = _SAID.decode(body)
            return [_asking(each, own.query) for each, own in zip(decoded, said, strict=True)]
    elif not decoded.document:
        own: Any = _SAID.decode(body)
        return _asking(decoded, own.query)
    return decoded


def decode_query_string(query_string: bytes, limits: HttpLimits) -> GraphQLRequest:
    """Decode the parameters of a GET; `variables` and `extensions` are JSON objects in text.

    Raises `RequestError` (BAD_REQUEST, or PAYLOAD_TOO_LARGE before anything is decoded).
    """
    if len(query_string) > limits.max_query_string_bytes:
        raise RequestError(
            f"The query string is longer than {limits.max_query_string_bytes} bytes.",
            code=Code.PAYLOAD_TOO_LARGE,
        )
    parameters = _parameters(query_string)
    if not {"query", "documentId", "extensions"} & parameters.keys():
        raise RequestError("The parameter 'query' is missing.")
    request = GraphQLRequest(
        document=parameters.get("query", ""),
        document_id=parameters.get("documentId"),
        operation_name=parameters.get("operationName") or None,
        variables=_object("variables", parameters, limits),
        extensions=_object("extensions", parameters, limits),
    )
    require_shallow(request, limits)
    return _asking(request, parameters.get("query", msgspec.UNSET))


@lru_cache(maxsize=256)
def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type is `application/json`, in UTF-8 if it names a charset at all."""
    if len(content_type) > _MAX_MEDIA_TYPE_BYTES:
        return False
    media_type, *parameters = content_type.lower().split(b";")
    charsets = [
        value.strip().strip(b'"')
        for name, _, value in (parameter.partition(b"=") for parameter in parameters)
        if name.strip() == b"charset"
    ]
    return media_type.strip() == b"application/json" and all(
        charset in {b"utf-8", b"utf8"} for charset in charsets
    )


def _require_utf8(body: bytes) -> None:
    # The decoder does not look into members that it skips.
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError:
        raise RequestError("The body is not valid UTF-8.") from None


def _asking(request: GraphQLRequest, query: str | msgspec.UnsetType) -> GraphQLRequest:
    """The request, if it asks for anything. Raises RequestError."""
    if request.document or request.document_id or request.extensions:
        return request
    if query is msgspec.UNSET:
        raise RequestError("This is no GraphQL request: missing required field `query`.")
    return msgspec.structs.replace(request, document=_EMPTY)


def _require_batch(requests: list[GraphQLRequest], limits: HttpLimits) -> None:
    if not limits.max_batch:
        raise RequestError("Requests in an array are not accepted here; send them singly.")
    if not requests:
        raise RequestError("The array holds no request.")
    if len(requests) > limits.max_batch:
        raise RequestError(f"The array holds more than {limits.max_batch} requests.")


def require_few(body: bytes, limits: HttpLimits, what: str = "The body") -> int:
    """The opening brackets of a JSON text, those in its strings, too: no fewer than its containers.

    Raises `RequestError` where `limits` allow fewer, and nothing is decoded.
    """
    opening = body.count(b"{") + body.count(b"[")
    if opening > limits.max_brackets:
        raise RequestError(
            f"{what} has {opening} opening brackets ('{{' and '['), more than the "
            f"{limits.max_brackets} that are read."
        )
    return opening


def require_shallow(decoded: GraphQLRequest | list[GraphQLRequest], limits: HttpLimits) -> None:
    """Raise `RequestError` where variables or extensions nest deeper than `limits` allow."""
    requests = decoded if isinstance(decoded, list) else [decoded]
    level: list[Any] = [
        member for each in requests for member in (each.variables, each.extensions) if member
    ]
    for _ in range(limits.max_json_depth):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) in _CONTAINERS
        ]
        if not level:
            return
    raise _too_deep("A JSON value", limits)


def _too_deep(what: str, limits: HttpLimits) -> RequestError:
    return RequestError(f"{what} nests deeper than {limits.max_json_depth} levels.")


def _parameters(query_string: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except UnicodeError:
        raise RequestError("The query string is not valid UTF-8.") from None
    except ValueError:
        raise RequestError(
            f"The query string has more than {_MAX_PARAMETERS} parameters."
        ) from None
    known = [(name, value) for name, value in pairs if name in _PARAMETERS]
    parameters = dict(known)
    if len(parameters) != len(known):
        raise RequestError("A parameter of the query string is given twice.")
    return parameters


def _object(name: str, parameters: dict[str, str], limits: HttpLimits) -> dict[str, Any] | None:
    text = parameters.get(name)
    if not text:
        return None
    try:
        return _OBJECT.decode(text)
    except msgspec.MsgspecError as error:
        raise RequestError(f"The parameter '{name}' is not a JSON object: {error}.") from None
    except RecursionError:
        raise _too_deep(f"The parameter '{name}'", limits) from None
