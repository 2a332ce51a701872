"""The ways to a Qdrant server. Imports the client library."""
