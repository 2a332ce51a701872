"""The change feed: what changes in watched tables, whoever changes it, as events."""

from gateway.sources.changes import Change, Event, Loss, Lost, Operation
from gateway.sources.postgres.feed.functions import INSTALL, REMOVE
from gateway.sources.postgres.feed.listener import ChangeFeed
from gateway.sources.postgres.feed.subscription import Subscription

__all__ = [
    "INSTALL",
    "REMOVE",
    "Change",
    "ChangeFeed",
    "Event",
    "Loss",
    "Lost",
    "Operation",
    "Subscription",
]
