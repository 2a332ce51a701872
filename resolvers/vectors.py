"""Vector collections whose points are no rows of ours, by the name an argument gives."""

from gateway import vector_queries

VectorQueries = vector_queries()
