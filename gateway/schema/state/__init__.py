"""Stored values: namespaces, their keys, and the fields over them."""
