"""A GraphQL service as a source: documents out, answers checked and split, nothing walked."""
