"""Columns of tables: their kinds and scalars, and the keys they make."""
