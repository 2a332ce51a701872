"""An operation with `@defer` and `@stream`, split into operations that answer it in parts. Pure."""
