"""Named SQL on PostgreSQL: compiled, checked against the live database, and run."""
