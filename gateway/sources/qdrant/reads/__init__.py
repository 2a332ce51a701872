"""Readings and rankings: prepared once for each plan, answered in response shape."""
