"""Runs plans: waves of fetches in groups, splicing, and graphql-core where it must walk."""
