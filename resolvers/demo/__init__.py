"""The demo's data: MITRE ATT&CK, clustered into topics and ranked as trends.

See README.md beside this file for the origin, the licence and the computation.
"""

from resolvers.demo.attack import LICENCE, ORIGIN
from resolvers.demo.counters import SETTINGS, CounterStore, seed_views
from resolvers.demo.dataset import ITEMS, TRENDS, Dataset, Progress, build
from resolvers.demo.prepare import Summary, prepare
from resolvers.demo.rows import load

__all__ = [
    "ITEMS",
    "LICENCE",
    "ORIGIN",
    "SETTINGS",
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
