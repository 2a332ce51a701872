"""Who may use a field or a type: what the schema says, and whether a viewer meets it.

The directives are the declaration: what is printed is what is enforced. A field needs all that is
declared on it and on the type it returns. `gateway.schema.access.demands` finds what an operation
needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict

import strawberry
from strawberry.schema_directive import Location

from gateway.errors import Code, ConfigurationError, PlaitError
from gateway.telemetry import log_internal
from gateway.viewer import Viewer

Policy: TypeAlias = Callable[[Viewer], bool]
"""Whether a viewer meets a policy; at once, from the viewer alone. One that raises is not met."""

_LOCATIONS = [Location.FIELD_DEFINITION, Location.OBJECT]


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="authenticated",
    description="Only for viewers who have signed in.",
)
class Authenticated:
    """`@authenticated`."""


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="requiresScopes",
    description="Only for viewers who have all scopes of one of these lists.",
)
class RequiresScopes:
    """`@requiresScopes(scopes: [["a", "b"], ["c"]])`: a and b, or c."""

    scopes: list[list[str]]


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="policy",
    description="Only for viewers who meet all policies of one of these lists.",
)
class PolicyDirective:
    """`@policy(policies: [["a", "b"], ["c"]])`: a and b, or c."""

    policies: list[list[str]]


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="requiresRoles",
    description="Only for viewers who have at least one of these roles.",
)
class RequiresRoles:
    """`@requiresRoles(roles: ["editor", "admin"])`."""

    roles: list[str]


class Sort(StrEnum):
    """What a requirement is about."""

    AUTHENTICATED = "authenticated"
    ROLES = "roles"
    SCOPES = "scopes"
    POLICIES = "policies"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a viewer must have: all names of at least one of the alternatives."""

    sort: Sort
    alternatives: frozenset[frozenset[str]] = frozenset()


Requirements: TypeAlias = tuple[Requirement, ...]
"""All of them must be met."""


class Access(TypedDict, total=False):
    """How a binding says who may use it.

    `roles` are alternatives. `scopes` and `policies` are lists of lists, as the directives have
    them: all of one of these lists.
    """

    authenticated: bool
    roles: Sequence[str]
    scopes: Sequence[Sequence[str]]
    policies: Sequence[Sequence[str]]


ACCESS = tuple(Access.__annotations__)


def directives_of(
    options: Mapping[str, Any], of: Any = None, others: Iterable[str] = ()
) -> list[object]:
    """The directives that say the same as the options given to `of`: a class, function or name.

    `others`: what `of` takes beside them, for the message.

    Raises ConfigurationError for another option or shape: a slip would leave a field open.
    """
    for unknown in sorted(options.keys() - set(ACCESS)):
        where = f"{getattr(of, '__qualname__', of)}: t" if of is not None else "T"
        raise ConfigurationError(
            f"{where}here is no option {unknown!r}; there are {', '.join((*others, *ACCESS))}."
        )
    found: list[object] = []
    if options.get("authenticated"):
        found.append(Authenticated())
    if options.get("roles") is not None:
        roles = options["roles"]
        names = [roles] if isinstance(roles, str) else list(roles)
        found.append(RequiresRoles(roles=_names(names, "roles", "a list of names")))
    if options.get("scopes") is not None:
        found.append(RequiresScopes(scopes=_lists(options["scopes"], "scopes")))
    if options.get("policies") is not None:
        found.append(PolicyDirective(policies=_lists(options["policies"], "policies")))
    return found


def _lists(given: Any, what: str) -> list[list[str]]:
    shape = f'a list of lists of names, such as {what}=[["a", "b"], ["c"]] for a and b, or c'
    if isinstance(given, str) or not given or any(isinstance(one, str) for one in given):
        raise ConfigurationError(f"`{what}` must be {shape}.")
    return [_names(list(one), what, shape) for one in given]


def _names(given: Sequence[Any], what: str, shape: str) -> list[str]:
    if not given or not all(isinstance(name, str) and name for name in given):
        raise ConfigurationError(f"`{what}` must be {shape}.")
    return list(given)


def requirements_of(directives: Iterable[object]) -> Requirements:
    """What the directives of a field or type demand."""
    found: list[Requirement] = []
    for one in directives:
        if isinstance(one, Authenticated):
            found.append(Requirement(Sort.AUTHENTICATED))
        elif isinstance(one, RequiresRoles):
            found.append(Requirement(Sort.ROLES, frozenset(frozenset({r}) for r in one.roles)))
        elif isinstance(one, RequiresScopes):
            found.append(Requirement(Sort.SCOPES, frozenset(map(frozenset, one.scopes))))
        elif isinstance(one, PolicyDirective):
            found.append(Requirement(Sort.POLICIES, frozenset(map(frozenset, one.policies))))
    return tuple(dict.fromkeys(found))


class Authority:
    """Decides whether viewers meet requirements; `policies` are the domain's, by name."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = dict(policies)
        self._stand_ins: dict[str, frozenset[str]] = {}

    def grant(self, role: str, roles: frozenset[str]) -> None:
        """Let who has one of `roles`, as the settings say, count as having `role` of the schema.

        `*` among them is whoever has signed in.
        """
        self._stand_ins[role] = roles

    def check(self, requirements: Iterable[Requirement], where: str) -> None:
        """Raise ConfigurationError where a policy is named that the domain does not have."""
        for requirement in requirements:
            if requirement.sort is Sort.POLICIES:
                for name in sorted(set().union(*requirement.alternatives) - self._policies.keys()):
                    known = ", ".join(sorted(self._policies)) or "none"
                    raise ConfigurationError(
                        f"{where}: there is no policy {name!r}; `Domain(policies=…)` has {known}."
                    )

    def refused(
        self, requirements: Iterable[Requirement], viewer: Viewer
    ) -> frozenset[Requirement]:
        """Those that the viewer does not meet."""
        return frozenset([one for one in requirements if not self._met(one, viewer)])

    def require(self, requirements: Iterable[Requirement], viewer: Viewer, what: str) -> None:
        """Raise UNAUTHENTICATED or FORBIDDEN where the viewer may not use `what`."""
        for requirement in requirements:
            if not self._met(requirement, viewer):
                raise refusal(viewer, what)

    def _met(self, requirement: Requirement, viewer: Viewer) -> bool:
        sort, alternatives = requirement.sort, requirement.alternatives
        if sort is Sort.ROLES:
            return any(self._has(role, viewer) for one in alternatives for role in one)
        if sort is Sort.SCOPES:
            return any(one <= viewer.scopes for one in alternatives)
        if sort is Sort.POLICIES:
            return any(all(self._holds(name, viewer) for name in one) for one in alternatives)
        return viewer.subject is not None

    def _has(self, role: str, viewer: Viewer) -> bool:
        others = self._stand_ins.get(role, ())
        return role in viewer.roles or (viewer.subject is not None and viewer.is_among(others))

    def _holds(self, name: str, viewer: Viewer) -> bool:
        try:
            return self._policies[name](viewer) is True
        except Exception as error:  # noqa: BLE001 - whatever a policy raises, it is not met
            log_internal(error)
            return False


def refusal(viewer: Viewer, what: str) -> PlaitError:
    """The error for a viewer who may not use `what`; it says nothing of what would be needed."""
    if viewer.subject is None:
        return PlaitError(f"Sign in to use `{what}`.", code=Code.UNAUTHENTICATED)
    return PlaitError(f"You may not use `{what}`.", code=Code.FORBIDDEN)
