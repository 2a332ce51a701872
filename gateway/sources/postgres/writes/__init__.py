"""Writes compiled to SQL, and the transactions they run in."""
