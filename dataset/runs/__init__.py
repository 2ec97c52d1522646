"""The record of each run, what makes it stale, and how to forget it."""
