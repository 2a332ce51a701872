"""Connections to PostgreSQL: slots, the small pool, a replica."""
