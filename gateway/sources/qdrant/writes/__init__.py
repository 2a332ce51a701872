"""Changes of points, and looking after collections."""
