"""Writes a resolvers package from what a database holds, and keeps what a person made of it."""
