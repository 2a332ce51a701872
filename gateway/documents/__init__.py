"""Text → a document that may run, kept by its text.

    store          parses, checks and keeps; `limits`, then `validation`, refuse
    cost           what an operation may cost
    persisted      documents that requests name; `trusted` reads a manifest of them
    incremental/   an operation with `@defer` and `@stream`, split
    compose        all of it from the settings

What a client may ask stands in `docs/limits.md`.
"""
