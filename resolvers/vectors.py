"""Vector collections by the name an argument gives: those called `…_embeddings`, for everybody.

What else the engine holds may be somebody's own.
"""

from gateway import vector_queries

VectorQueries = vector_queries("*_embeddings")
