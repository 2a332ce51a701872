"""From credentials to a viewer: bearer tokens (JWT), API keys, or nobody in particular."""
