"""What clients ask of vectors: checked whole, then frozen. Pure."""
