"""What is not used is not loaded: the job engine is the workers' alone."""

import subprocess
import sys

import pytest

ENGINE = ("procrastinate", "psycopg", "croniter")


@pytest.mark.parametrize(
    "program",
    [
        "import resolvers",
        "import gateway.workflows.compose, gateway.workflows.entities, gateway.workflows.offering",
        (
            "from gateway.app import load_schema; from gateway.settings import load; "
            "load_schema(load(environ={}))"
        ),
        (
            "from gateway.app import Gateway; from gateway.settings import load; Gateway(load(environ="
            "{'POSTGRES_URL': 'postgresql://u@127.0.0.1:1/d', 'DATASOURCE_CONTEXTS_TYPE': 'filesystem',"
            "'DATASOURCE_CONTEXTS_PATH': '/nowhere', 'PLAIT_WORKFLOWS_ENABLED': '*'}))"
        ),
    ],
)
def test_serving_loads_no_job_engine(program, tmp_path):
    """Neither a gateway without workflows, nor one that only starts runs and shows them."""
    code = f"{program}\nimport sys\nfound = set({ENGINE!r}) & set(sys.modules)\nassert not found, found"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_worker_loads_it(tmp_path):
    """So the test above can fail."""
    code = "import sys, gateway.workflows.worker; assert 'procrastinate' in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
