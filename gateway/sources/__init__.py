"""One adapter per vendor behind one contract."""
