"""PostgreSQL: asks compiled to SQL, run on dedicated connections."""
