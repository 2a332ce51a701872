"""The directives with which a client asks for an answer in parts.

https://github.com/graphql/graphql-spec/pull/1110; graphql-core validates their use.
"""

from __future__ import annotations

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLString,
)

_IF = GraphQLArgument(GraphQLNonNull(GraphQLBoolean), default_value=True)
_LABEL = GraphQLArgument(GraphQLString)

INCREMENTAL = (
    GraphQLDirective(
        "defer",
        [DirectiveLocation.FRAGMENT_SPREAD, DirectiveLocation.INLINE_FRAGMENT],
        {"if": _IF, "label": _LABEL},
        description="Answer this fragment later, if that is worth it.",
    ),
    GraphQLDirective(
        "stream",
        [DirectiveLocation.FIELD],
        {
            "if": _IF,
            "label": _LABEL,
            "initialCount": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=0),
        },
        description="Answer with the first entries of this list, and send the others later.",
    ),
)
