"""What is not used is not loaded: the job engine is the workers' alone."""

import subprocess
import sys

PROGRAM = """
import sys
from gateway.composition import Gateway
from gateway.settings import load
Gateway(load(environ={
    "POSTGRES_URL": "postgresql://u@127.0.0.1:1/d",
    "DATASOURCE_CONTEXTS_TYPE": "filesystem",
    "DATASOURCE_CONTEXTS_PATH": "/nowhere",
    "PLAIT_WORKFLOWS_ENABLED": "*",
}))
engine = {"procrastinate", "psycopg", "croniter"}
assert "gateway.workflows.running" in sys.modules
assert not engine & set(sys.modules), engine & set(sys.modules)
import gateway.workflows.worker
assert engine <= set(sys.modules)
"""


def test_serving_loads_no_job_engine(tmp_path):
    """A gateway that starts runs and shows them does without; only a worker loads it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
