"""Key-value sources for the contexts of workflows and resolvers: five engines, one contract."""
