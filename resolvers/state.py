"""Values kept in Redis: what clients may reach where the settings open it (docs/redis-state.md)."""

from gateway import StateMutations, StateQueries

NAMESPACES = (
    "views",  # how often something was looked at: counters, such as `trend_7`
    "boards",  # leaderboards
    "drafts",  # unfinished work, as JSON
)

__all__ = ["NAMESPACES", "StateMutations", "StateQueries"]
