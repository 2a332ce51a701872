"""`make bench`: the gateway beside an idiomatic Strawberry server and a bare ASGI floor."""
