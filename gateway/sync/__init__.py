"""Keeps vector collections in step with the rows they are made of."""
