"""`python -m gateway.serving`: what `plait serve` turns into."""

from __future__ import annotations

import os
import signal
import sys

from gateway.errors import ConfigurationError
from gateway.telemetry import log_refusal

if __name__ == "__main__":
    # uvicorn raises the signal that it was told to stop by anew: a clean end is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The domain may lie in the working directory, which `python -m` has put first already.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - a path of strings
    try:
        from gateway.serving.run import RELOAD, run

        status = run(reload=RELOAD in sys.argv)
    except ConfigurationError as error:
        log_refusal(error)
        status = 2
    except KeyboardInterrupt:  # Ctrl-C: uvicorn has shut down by then, and passes the signal on
        status = 130
    sys.exit(status)
