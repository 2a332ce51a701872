"""The demo's data: MITRE ATT&CK, clustered into topics and ranked as trends.

See README.md beside this file for the origin, the licence and the computation.
"""

from pathlib import Path

from resolvers.demo.attack import LICENCE, ORIGIN
from resolvers.demo.counters import SETTINGS, CounterStore, seed_views
from resolvers.demo.dataset import ITEMS, TRENDS, Dataset, Progress, build
from resolvers.demo.prepare import Summary, prepare
from resolvers.demo.rows import load

SERVICES = {"people": Path(__file__).with_name("people.py")}
"""Upstreams of the domain that the demo runs itself: files with an ASGI application `app`."""

TO_TRY = {
    "Edit a trend, with the key": 'mutation { updateTrend(id: "1", set: {title: "Penguins in '
    'Antarctica", summary: "How they keep warm."}) { id version } }',
    "A second later its new text finds it": '{ searchTrends(text: "birds in the cold", limit: 3) '
    "{ score trend { id title } } }",
}
"""What to try where writes are possible, by a title for people: in this order."""

__all__ = [
    "ITEMS",
    "LICENCE",
    "ORIGIN",
    "SERVICES",
    "SETTINGS",
    "TO_TRY",
    "TRENDS",
    "CounterStore",
    "Dataset",
    "Progress",
    "Summary",
    "build",
    "load",
    "prepare",
    "seed_views",
]
