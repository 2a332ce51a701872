"""Incremental delivery: `@defer` and `@stream`.

    delivery       splits an operation, and answers its first part
    parts          brings what was left out, and puts it where it belongs
    places         where in an answer something was left out
    formats        how parts are written
    rows_engine    answers about rows by key

What a client gets stands in `docs/incremental.md`.
"""
