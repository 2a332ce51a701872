"""Validation against the schema: graphql-core's rules, Strawberry's two, all with bounded work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    NullValueNode,
    OverlappingFieldsCanBeMergedRule,
    ValidationRule,
    get_named_type,
    get_nullable_type,
    is_non_null_type,
    is_nullable_type,
    specified_rules,
    type_from_ast,
    validate,
)
from graphql.utilities.validate_input_value import get_one_of_input_object_error_message
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from gateway.documents.refusal import InvalidDocument, reported
from gateway.errors import Code, RequestError
from gateway.schema.definitions import definition_of

if TYPE_CHECKING:
    from graphql import (
        ASTValidationRule,
        DocumentNode,
        GraphQLSchema,
        ObjectValueNode,
        OperationDefinitionNode,
        ValidationContext,
    )

    from gateway.documents.limits import DocumentLimits


_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.")


class OneOfRule(ValidationRule):
    """A `@oneOf` input has exactly one member, and that is never null.

    Strawberry knows its one-of inputs itself and does not tell graphql-core; its own rule cannot
    follow a variable into a fragment, where it raises instead of reporting. Of those it knows,
    graphql-core forgets the variables where the input must not be null, as in a list of such.
    """

    def enter_object_value(self, node: ObjectValueNode, *_args: Any) -> None:
        """Check a literal."""
        type_: Any = get_named_type(self.context.get_input_type())
        if not _is_one_of(type_):
            return
        if len(node.fields) != 1 or isinstance(node.fields[0].value, NullValueNode):
            says = get_one_of_input_object_error_message(type_)
            self.report_error(GraphQLError(says, node))

    def leave_operation_definition(self, node: OperationDefinitionNode, *_args: Any) -> None:
        """Check the variables that stand for a member, wherever the operation reaches them."""
        definitions = {each.variable.name.value: each for each in node.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(node):
            name = usage.node.name.value
            parent = get_nullable_type(usage.parent_type)
            forgotten = is_non_null_type(usage.parent_type) and _is_known(parent)
            if not (forgotten or _is_one_of(parent)) or name not in definitions:
                continue
            type_ = type_from_ast(self.context.schema, definitions[name].type)
            if is_nullable_type(type_):
                self.report_error(
                    GraphQLError(
                        f"Variable '${name}' is of type '{type_}' but must be non-nullable to be"
                        f" used for OneOf Input Object '{parent}'.",
                        [definitions[name], usage.node],
                    )
                )


def _is_one_of(type_: Any) -> bool:
    """Whether it is one that graphql-core does not know."""
    return not _is_known(type_) and bool(getattr(definition_of(type_), "is_one_of", False))


def _is_known(type_: Any) -> bool:
    """Whether graphql-core knows it as a one-of input."""
    return bool(getattr(type_, "is_one_of", False))


class Validator:
    """Validates documents against one schema; its rules are put together once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        *,
        suggestions: bool,
        introspection: bool = True,
    ) -> None:
        self._schema = schema
        self._max_errors = limits.max_errors
        self._suggestions = suggestions
        merging = _bounded_merging(limits.max_comparisons)
        self._rules = [
            *(
                merging if rule is OverlappingFieldsCanBeMergedRule else rule
                for rule in specified_rules
            ),
            MaybeNullValidationRule,
            OneOfRule,
            *(() if introspection else (NoSchemaIntrospectionCustomRule,)),
        ]

    def validate(self, document: DocumentNode) -> None:
        """Raise `InvalidDocument` with all findings, up to the limit of errors."""
        errors = validate(
            self._schema,
            document,
            self._rules,
            max_errors=self._max_errors,
            hide_suggestions=not self._suggestions,
        )
        if errors:
            raise InvalidDocument([self._finding(error, len(errors)) for error in errors])

    def _finding(self, error: GraphQLError, count: int) -> RequestError:
        # Stopping after too many errors is reported behind them; any other stop is the work limit.
        if isinstance(error, ValidationAbortedError) and count <= self._max_errors:
            return RequestError(
                "The document repeats too many fields of the same name to be validated.",
                code=Code.DOCUMENT_LIMIT_EXCEEDED,
            )
        return reported(error, Code.GRAPHQL_VALIDATION_FAILED, self._advice(error.message))

    def _advice(self, message: str) -> str:
        """The way to a field that was sought beside a connection's nodes."""
        found = _UNKNOWN_FIELD.fullmatch(message)
        if found is None or not self._suggestions:
            return ""
        name, parent = found.groups()
        nodes = getattr(self._schema.get_type(parent), "fields", {}).get("nodes")
        if nodes is None or name not in getattr(get_named_type(nodes.type), "fields", {}):
            return ""
        return f" Did you mean 'nodes {{ {name} }}'?"


def _bounded_merging(budget: int) -> type[ASTValidationRule]:
    """The rule that compares fields of one name, stopping validation when `budget` is spent."""

    class BoundedMergingRule(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = budget

    return BoundedMergingRule
