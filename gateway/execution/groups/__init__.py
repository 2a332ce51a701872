"""Group commit for reads: what waits for its turn is shared by all who arrive before it is sent."""

from gateway.execution.groups.dispatch import Groups

__all__ = ["Groups"]
