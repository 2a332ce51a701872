"""The PostgreSQL side of vector sync: what changed, what the rows say, what was embedded."""
