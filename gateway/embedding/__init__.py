"""Text to vectors: one contract, and the models behind it."""
