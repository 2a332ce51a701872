"""How the gateway is watched, and what one client may ask of it."""

from typing import Annotated

from msgspec import Meta

from gateway.configuration import Secret
from gateway.settings.section import Section


class Telemetry(Section, frozen=True, kw_only=True):
    """What operators see beside the log."""

    metrics: Annotated[
        bool, Meta(description="Serve figures for Prometheus at `/metrics`; one worker only.")
    ] = False
    metrics_token: Annotated[
        Secret, Meta(description="The bearer token that `/metrics` asks for; none asks for none.")
    ] = Secret()
    traces: Annotated[
        str,
        Meta(
            description="Where a collector takes traces, as OTLP over HTTP; none traces nothing.",
            extra={"schemes": ("http", "https")},
        ),
    ] = ""
    traces_ratio: Annotated[
        float,
        Meta(
            ge=0, le=1, description="The part of requests traced where the caller leaves it open."
        ),
    ] = 1.0
    service: Annotated[
        str, Meta(min_length=1, description="What the gateway is called in traces.")
    ] = "plait"


class RateLimit(Section, frozen=True, kw_only=True):
    """How often one client may ask, over all replicas."""

    requests: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000, description="Operations in `seconds`; 0 sets no bound."),
    ] = 0
    seconds: Annotated[
        float, Meta(ge=0.001, le=86_400, description="The time in which they may come.")
    ] = 60.0
    burst: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000, description="How many of them may come at once; 0 for all."),
    ] = 0
    redis: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_]*$",
            description="The Redis source that replicas count in.",
        ),
    ] = "default"
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=10, description="Seconds for a round trip.")
    ] = 0.05
    fail_open: Annotated[
        bool, Meta(description="Let requests through while Redis does not answer.")
    ] = True
    client_header: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9-]*$",
            description="Where a proxy of yours names the client's address; none for no proxy.",
        ),
    ] = ""
