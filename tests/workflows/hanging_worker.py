"""A worker that begins a job, says so, and never ends it: to be killed."""

import asyncio
import sys

from gateway.workflows.jobs import Job
from gateway.workflows.worker import Worker


async def hang(_):
    """Say that it has begun, and wait."""
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.sleep(600)


asyncio.run(Worker(sys.argv[1], [Job("hang", hang)], lease=1.0).run())
