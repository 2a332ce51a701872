"""Directus: its collections read and written over REST."""
