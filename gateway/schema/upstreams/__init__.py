"""Other GraphQL services as parts of the schema."""
