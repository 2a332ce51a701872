"""What came out of the vector workloads: both sides, their ratio, the gateway's loop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.vectors import LAG_LIMIT_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.figures import Figure
    from bench.vectors import VectorWorkload


@dataclass(frozen=True, slots=True)
class Lag:
    """How late a probe woke within a load, in milliseconds; see `bench.vectors_server.Probe`.

    `busiest_ms` is the processor time of the loop's own thread in its longest block.
    """

    longest_ms: float
    p99_ms: float
    busiest_ms: float
    ticks: int

    @classmethod
    def worst(cls, rounds: Sequence[Lag]) -> Lag:
        """The worst of several rounds; of the ticks all."""
        return cls(
            max(one.longest_ms for one in rounds),
            max(one.p99_ms for one in rounds),
            max(one.busiest_ms for one in rounds),
            sum(one.ticks for one in rounds),
        )


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One workload: the gateway's figures, the bare client's, and the gateway's loop."""

    workload: VectorWorkload
    gateway: Figure
    client: Figure
    lag: Lag

    @property
    def ratio(self) -> float:
        """The gateway's requests a second as a share of the client's."""
        return self.gateway.rps / self.client.rps

    @property
    def met(self) -> bool | None:
        """Whether the promised share was reached; None where nothing was promised."""
        return None if self.workload.target is None else self.ratio >= self.workload.target


def longest_ms(rows: Iterable[VectorRow]) -> float:
    """The longest block of the gateway's loop under any workload."""
    return max((row.lag.longest_ms for row in rows), default=0.0)


def lag_met(rows: Iterable[VectorRow]) -> bool:
    """Whether the loop was never blocked as long as was promised not to."""
    return longest_ms(rows) < LAG_LIMIT_MS
