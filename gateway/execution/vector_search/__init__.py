"""Vector searches that take more than one request.

    reads          such a search, read as a source's queue is
    narrowing      hits that rows decide about; `tactics` choose the way
    fusion         rankings by vectors and by words, fused; `hits` writes them

Why there are two ways stands in `docs/decisions/narrowing.md`.
"""
