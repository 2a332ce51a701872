"""How subscriptions are served: WebSockets and event streams."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Subscriptions(Section, frozen=True, kw_only=True):
    """What stays open: WebSockets, event streams, and the operations on them."""

    per_process: Annotated[int, Meta(ge=0, le=1_000_000)] = 10_000
    """Subscriptions of one process; 0 refuses all."""
    per_connection: Annotated[int, Meta(ge=1, le=10_000)] = 100
    """Operations at once on one WebSocket."""
    connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """WebSockets of one process."""
    per_client: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """WebSockets and event streams of one client; 0 sets no bound."""
    operations_per_client: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    """Operations at once of one client, on all of them; 0 sets no bound."""
    init_seconds: Annotated[float, Meta(gt=0, le=600)] = 3.0
    """Seconds until a WebSocket must be initialised."""
    ping_seconds: Annotated[float, Meta(gt=0, le=600)] = 12.0
    """Seconds between signs of life; a WebSocket must answer."""
    send_seconds: Annotated[float, Meta(gt=0, le=600)] = 20.0
    """Seconds a client may take to read what it is sent."""
    recheck_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    """Seconds after which idle clients are identified anew."""
    origins: str = ""
    """Whose pages may open a WebSocket; without it those of `serve.origins`."""
