"""The client library as the source loads it: its models are built when they are first used."""

from __future__ import annotations

import subprocess
import sys

MODELS = """
import asyncio

from gateway.sources.qdrant.wire.loading import session_class

session_class()
from pydantic import BaseModel
from qdrant_client import models

found = [one for one in vars(models).values()
         if isinstance(one, type) and issubclass(one, BaseModel) and one is not BaseModel]
assert len(found) > 300
late = [one for one in found if not one.__pydantic_complete__]
assert len(late) > 200
assert models.Filter not in late  # the first filtered search has it at hand


async def use():
    inner = models.Filter(must=[models.FieldCondition(key="a", match=models.MatchValue(value=1))])
    written = models.Filter(should=[inner]).model_dump_json(exclude_none=True)
    assert written == '{"should":[{"must":[{"key":"a","match":{"value":1}}]}]}', written
    assert models.Filter.__pydantic_complete__

    for one in late:
        one.__pydantic_validator__.title  # any use builds it, and fails where that cannot be done
        assert one.__pydantic_complete__, one


asyncio.run(use())


class Other(BaseModel):
    later: "Another"


class Another(BaseModel):
    number: int


assert Other.model_rebuild()  # everybody else builds as ever
"""


def test_models_are_built_when_they_are_used() -> None:
    """Loading builds filters alone; each of the others can be, and does what it is for."""
    done = subprocess.run(
        [sys.executable, "-c", MODELS], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
