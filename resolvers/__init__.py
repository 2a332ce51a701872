"""The bundled domain: a trend-intelligence platform with a vector catalogue."""
