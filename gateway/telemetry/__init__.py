"""What operators see: log lines, figures, and the traces of requests."""

from gateway.telemetry.logs import (
    JsonFormatter,
    configure_logging,
    describe,
    log_internal,
    log_refusal,
    why_away,
)

__all__ = [
    "JsonFormatter",
    "configure_logging",
    "describe",
    "log_internal",
    "log_refusal",
    "why_away",
]
