"""Curation Report: a subset beside random ones, and what it misses."""
