"""Scoring formulas: from Qdrant's protobuf to the engine's expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.filters import condition, geo_point
from gateway.embedded.qdrant.values import payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_client import grpc as pb

_MAX_DEPTH = 32


def formula(message: pb.Formula) -> edge.Formula:
    """Read a formula. Raises `Fault` for an empty or endless one."""
    return edge.Formula(_expression(message.expression, 0), payload(message.defaults) or None)


def _expression(message: pb.Expression, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise invalid(f"a formula may be nested {_MAX_DEPTH} levels deep")
    kind = message.WhichOneof("variant")
    if kind is None:
        raise invalid("an expression of the formula is empty")
    value = getattr(message, kind)
    if kind in _LEAVES:
        return _LEAVES[kind](value)
    if kind in _SINGLES:
        return _SINGLES[kind](_expression(value, depth + 1))
    if kind in _SEVERAL:
        inner = [_expression(one, depth + 1) for one in getattr(value, kind)]
        return _SEVERAL[kind](inner)
    if kind in _DECAYS:
        return _decay(_DECAYS[kind], value, depth + 1)
    if kind == "div":
        default = value.by_zero_default if value.HasField("by_zero_default") else None
        left, right = _expression(value.left, depth + 1), _expression(value.right, depth + 1)
        return edge.Expression.Div(left, right, default)
    if kind == "pow":
        base, exponent = value.base, value.exponent
        return edge.Expression.Pow(_expression(base, depth + 1), _expression(exponent, depth + 1))
    raise unsupported(f"the formula's expression {kind}")


def _decay(kind: edge.DecayKind, message: pb.DecayParamsExpression, depth: int) -> Any:
    return edge.Expression.Decay(
        kind,
        _expression(message.x, depth),
        _expression(message.target, depth) if message.HasField("target") else None,
        message.midpoint if message.HasField("midpoint") else None,
        message.scale if message.HasField("scale") else None,
    )


_LEAVES: dict[str, Callable[[Any], Any]] = {
    "constant": edge.Expression.Constant,
    "variable": edge.Expression.Variable,
    "condition": lambda message: edge.Expression.Condition(condition(message)),
    "geo_distance": lambda message: edge.Expression.GeoDistance(
        geo_point(message.origin), message.to
    ),
    "datetime": edge.Expression.Datetime,
    "datetime_key": edge.Expression.DatetimeKey,
}

_SINGLES: dict[str, Callable[[Any], Any]] = {
    "neg": edge.Expression.Neg,
    "abs": edge.Expression.Abs,
    "sqrt": edge.Expression.Sqrt,
    "exp": edge.Expression.Exp,
    "log10": edge.Expression.Log10,
    "ln": edge.Expression.Ln,
    "acosh": edge.Expression.Acosh,
}

_SEVERAL: dict[str, Callable[[Any], Any]] = {
    "sum": edge.Expression.Sum,
    "mult": edge.Expression.Mult,
    "max": edge.Expression.Max,
    "min": edge.Expression.Min,
}

_DECAYS = {
    "exp_decay": edge.DecayKind.Exp,
    "gauss_decay": edge.DecayKind.Gauss,
    "lin_decay": edge.DecayKind.Lin,
}
