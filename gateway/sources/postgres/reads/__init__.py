"""Asks compiled to SQL that reads."""
