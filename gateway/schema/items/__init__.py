"""Collections of items in the schema: what a source over REST has, beside rows and vectors."""
