"""How a workflow is declared: a name, and async steps in their order.

digest = Workflow("digest", datasources=["notes"], targets=["notes"])

@digest.step
async def collect(ctx: StepContext) -> list[int]: ...
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from gateway.errors import ConfigurationError
from gateway.workflows.templates import key_pattern, parse_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Node: TypeAlias = Callable[..., Awaitable[Any]]
"""`async def node(ctx, **inputs)`: does a step's work; what it returns becomes a variable."""

N = TypeVar("N", bound=Node)

KEY_PATTERN = "${request.id}-${stepName}"
MAX_STEPS = 1_000
_MAX_VERSION = 2**31 - 1
"""What its column holds."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its node, what this is given, and where the context is saved after it.

    `targets`: datasources, none where it is not saved. `key`: the pattern of the key.
    """

    name: str
    node: Node
    inputs: Mapping[str, Any]
    targets: tuple[str, ...]
    key: str


class Workflow:
    """A sequence of steps, after each of which the context is saved.

    `datasources`: all that its steps may reach. `targets`: those of them to which the context is
    saved, none for a workflow that begins anew each time it is resumed. `key`: the pattern of the
    keys. `auto_save`: off, only steps that name a target are saved. `attempts`: tries of a step;
    `pause`: seconds before its second, doubled for each later one; `timeout`: seconds of one try.
    `roles`: as whom its steps ask the gateway. `version`: a run is only resumed
    by the version that began it. Raises ConfigurationError.
    """

    def __init__(  # noqa: PLR0913 - what there is to say of a workflow
        self,
        name: str,
        *,
        version: int = 1,
        description: str = "",
        datasources: Sequence[str] = (),
        targets: Sequence[str] = (),
        roles: Sequence[str] = (),
        key: str = KEY_PATTERN,
        auto_save: bool = True,
        attempts: int = 3,
        pause: float = 1.0,
        timeout: float = 3_600.0,
    ) -> None:
        self.name = _name(name, "A workflow's name")
        self.version = version
        self.description = description
        self.datasources = tuple(dict.fromkeys(datasources))
        self.roles = frozenset(roles)
        self.attempts = attempts
        self.pause = pause
        self.timeout = timeout
        self._targets = self._listed(targets, "targets")
        self._key = key_pattern(key, f"workflow {name}, key")
        self._auto_save = auto_save
        self._steps: dict[str, Step] = {}
        if not (1 <= version <= _MAX_VERSION and attempts >= 1 and pause >= 0 and timeout > 0):
            raise ConfigurationError(
                f"workflow {name}: version and attempts are whole numbers from 1, version at most "
                f"{_MAX_VERSION}; pause and timeout are numbers of seconds."
            )

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in their order."""
        return tuple(self._steps.values())

    @overload
    def step(self, node: N, /) -> N: ...
    @overload
    def step(
        self,
        node: None = None,
        /,
        *,
        name: str | None = None,
        save: bool | None = None,
        target: str | None = None,
        key: str | None = None,
    ) -> Callable[[N], N]: ...
    def step(
        self,
        node: N | None = None,
        /,
        *,
        name: str | None = None,
        save: bool | None = None,
        target: str | None = None,
        key: str | None = None,
    ) -> N | Callable[[N], N]:
        """The next step: `@digest.step`, or `@digest.step(target="large")`.

        `save`: whether the context is saved after it; `target` and `key` say where, instead of what
        the workflow says. Raises ConfigurationError.
        """

        def decorate(one: N) -> N:
            self.add(
                name or str(getattr(one, "__name__", "")), one, save=save, target=target, key=key
            )
            return one

        return decorate if node is None else decorate(node)

    def add(  # noqa: PLR0913 - what there is to say of a step
        self,
        name: str,
        node: Node,
        *,
        inputs: Mapping[str, Any] | None = None,
        save: bool | None = None,
        target: str | None = None,
        key: str | None = None,
    ) -> None:
        """Add a step; `inputs` may hold `${…}`. Raises ConfigurationError."""
        where = f"workflow {self.name}, step {name}"
        _name(name, f"workflow {self.name}: a step's name")
        if name in self._steps:
            raise ConfigurationError(f"{where}: there is a step of this name already.")
        if len(self._steps) >= MAX_STEPS:
            raise ConfigurationError(f"workflow {self.name}: at most {MAX_STEPS} steps.")
        if not inspect.iscoroutinefunction(node):
            raise ConfigurationError(f"{where}: a step is an `async def`.")
        named = self._listed([target], f"step {name}") if target else ()
        saved = (bool(named) or self._auto_save) if save is None else save
        targets = (named or self._targets) if saved else ()
        pattern = key_pattern(key, f"{where}, key") if key else self._key
        if save and not targets:
            raise ConfigurationError(f"{where}: it is to be saved, but there is no target.")
        self._no_clash(where, pattern.replace("${stepName}", name), targets)
        parsed = parse_inputs(inputs or {}, self.datasources, f"{where}, inputs")
        self._steps[name] = Step(name, node, parsed, targets, pattern)

    def _no_clash(self, where: str, key: str, targets: tuple[str, ...]) -> None:
        for other in self._steps.values():
            if other.key.replace("${stepName}", other.name) == key and {*targets} & {
                *other.targets
            }:
                raise ConfigurationError(
                    f"{where}: it would be saved under the key of step {other.name}."
                )

    def _listed(self, names: Sequence[str], where: str) -> tuple[str, ...]:
        """Names that the workflow's datasources must hold."""
        for name in names:
            if name not in self.datasources:
                listed = ", ".join(self.datasources) or "none"
                raise ConfigurationError(
                    f"workflow {self.name}, {where}: it lists no datasource {name!r}; "
                    f"it lists {listed}."
                )
        return tuple(names)


def _name(name: str, where: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where} is 1 to 64 letters, digits, `_` and `-`, and begins with a letter."
        )
    return name
