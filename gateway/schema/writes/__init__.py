"""Writes to tables: bindings, what a request writes, and which columns may be."""
