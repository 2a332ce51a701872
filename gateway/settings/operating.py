"""How the gateway is watched, and what one client may ask of it."""

from typing import Annotated

from msgspec import Meta

from gateway.configuration import Secret
from gateway.settings.section import Section, Text


class Telemetry(Section, frozen=True, kw_only=True):
    """What operators see beside the log."""

    metrics: bool = False
    """Serve figures for Prometheus at `/metrics`; one worker only."""
    metrics_token: Secret = Secret()
    """The bearer token that `/metrics` asks for; none asks for none."""
    traces: Annotated[str, Meta(extra={"schemes": ("http", "https")})] = ""
    """Where a collector takes traces, as OTLP over HTTP; none traces nothing."""
    traces_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """The part of requests traced where the caller leaves it open."""
    service: Text = "plait"
    """What the gateway is called in traces."""
    error_texts: bool = False
    """Log what exceptions say, which may quote clients; not in production."""


class RateLimit(Section, frozen=True, kw_only=True):
    """How often one client may ask, over all replicas."""

    requests: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    """Operations in `seconds`; 0 sets no bound."""
    seconds: Annotated[float, Meta(ge=0.001, le=86_400)] = 60.0
    """The time in which they may come."""
    burst: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    """How many of them may come at once; 0 for all."""
    redis: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")] = "default"
    """The Redis source that replicas count in."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=10)] = 0.05
    """Seconds for a round trip."""
    fail_open: bool = True
    """Let requests through while Redis does not answer."""
    client_header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Where a proxy of yours names the client's address; none for no proxy."""
