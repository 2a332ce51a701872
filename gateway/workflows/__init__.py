"""Workflows: declared sequences of steps, their runs, and the jobs they run as."""
