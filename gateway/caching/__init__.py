"""The resolver cache: completed answers of sources, in the process and in Redis.

    policy      what may be kept, and how long
    key         one function makes every key
    entry       an answer as bytes that cannot be mistaken for another
    tags        what an answer depends on, and what a write changes
    memory      the level in the process
    shared      the level in Redis, behind a breaker
    coherence   why no replica serves what another one changed
    flight      concurrent misses of one key, one call of the source
    cache       all of it together
    function    `@cached` for any async function
    warmup      declared fields read before they are asked for

Every fault of it is a miss. What it promises stands in `docs/caching.md`.
"""
