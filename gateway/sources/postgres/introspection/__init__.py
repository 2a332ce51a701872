"""Reading the catalogue of a live database: its tables, views, keys, enums and comments."""
