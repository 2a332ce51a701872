"""The Model Context Protocol: trusted operations as tools that agents call, and nothing else."""
