"""Lists of rows: their conditions, orders, pages and aggregates."""
