"""Between execution and `gateway.caching`: what is kept, under which key, by which tags.

    reads          answers of sources: every fetch of a wave
    fields         values of plain resolvers, completed
    responses      whole responses, in memory
    marks          the rows an answer shows, made tags
    invalidation   what the writes of an operation change
    resolver_cache all of it, opened and closed with the gateway

What it promises stands in `docs/caching.md`.
"""
