"""Plait: one GraphQL API braided from many sources."""
