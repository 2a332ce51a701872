"""Runs plans: waves of fetches in groups, splicing, and graphql-core where it must walk.

    engine         `Engine.answer`: the way of a request; `planned` is what it knows of one
    waves          a plan's fetches, wave by wave; `holes` joins the bytes, `response` the body
    mutations      fields that write, one after the other
    executor       operations that graphql-core runs; `walk` is the planned part of one
    groups/        reads of one source that wait, shared; `operation_reads`: those of an operation
    cache/         what of all that comes out of the cache, and what a write invalidates
    vector_search/ searches of more than one request: narrowed by rows, fused with words
    incremental/   answers in parts: `@defer` and `@stream`
    subscriptions/ operations that stay open: subscriptions and live queries

`docs/architecture.md` tells of it in the order of a request.
"""
