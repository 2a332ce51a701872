"""The resolver cache: completed answers of sources, in the process and in Redis.

    answers      what is asked of the cache, and what it answers
    policy       what may be kept, and how long
    key          one function makes every key
    entry        an answer as bytes that cannot be mistaken for another
    tags         what an answer depends on, and what a write changes
    dependencies from tables to tags
    memory       the level in the process
    shared       the level in Redis, behind a breaker
    coherence    why no replica serves what another one changed
    flight       concurrent misses of one key, one call of the source
    filling      who asks the source, who waits, and what is kept of it
    cache        all of it together; `assembly` puts it so
    function     `@cached` for any async function
    warmup       declared fields read before they are asked for

Every fault of it is a miss. What it promises stands in `docs/caching.md`.
"""
