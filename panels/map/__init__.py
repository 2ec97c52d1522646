"""Curation Map: every sample a point, to color, search, lasso and act on."""
