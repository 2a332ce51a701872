"""How subscriptions are served: WebSockets and event streams."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Subscriptions(Section, frozen=True, kw_only=True):
    """What stays open: WebSockets, event streams, and the operations on them."""

    per_process: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Subscriptions of one process; 0 refuses all.")
    ] = 10_000
    per_connection: Annotated[
        int, Meta(ge=1, le=10_000, description="Operations at once on one WebSocket.")
    ] = 100
    connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="WebSockets of one process.")
    ] = 1_000
    per_client: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="WebSockets and event streams of one client; 0 sets no bound.",
        ),
    ] = 100
    init_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Seconds until a WebSocket must be initialised.")
    ] = 3.0
    ping_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds between signs of life; a WebSocket must answer."),
    ] = 12.0
    send_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a client may take to read what it is sent."),
    ] = 20.0
    recheck_seconds: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds after which idle clients are identified anew."),
    ] = 30.0
    origins: Annotated[
        str,
        Meta(description="Whose pages may open a WebSocket; without it those of `serve.origins`."),
    ] = ""
