"""The schema: bindings, the catalog they make, and what a document selects of it."""
