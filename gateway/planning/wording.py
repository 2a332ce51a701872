"""What graphql-core says of values, in the terms of GraphQL and JSON, as the client wrote them.

graphql-core shows some as Python would, and has no way to say how they shall be shown.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from graphql.pyutils import inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 240
"""Characters of a value that are shown."""
_PLACE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ((?:\.\w+|\[\d+\])+))?: ")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=lambda _: "(file)")


def of_null(message: str) -> str:
    """The message, where it is about a null that may not be, with null by its own name."""
    return message.replace(" not to be None", " not to be null")


def in_json(message: str, given: Mapping[str, Any]) -> str:
    """The message, with the value that it is about written in JSON; `given`: the variables."""
    place = _PLACE.match(message)
    if place is None or place[1] not in given:  # that it is not given, maybe
        return message
    value = given[place[1]]
    for name, index in _STEP.findall(place[2] or ""):
        value = value[name] if name else value[int(index)]
    before, found, behind = message[place.end() :].rpartition(inspect(value))
    return f"{place[0]}{before}{_shown(value)}{behind}" if found else message


def _shown(value: Any) -> str:
    """The head of a value's JSON; of a long one no more is written than is shown."""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: _MOST + 1]
        if len(text) > _MOST:
            text = f"{text[: _MOST - 1]}…"
            break
    return text.encode(errors="backslashreplace").decode()
