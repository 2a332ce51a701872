"""Named SQL: statements in `.sql` files whose typed header makes them fields."""
