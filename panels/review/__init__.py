"""Curation Review: one decision at a time, or a page of similar samples at once."""
