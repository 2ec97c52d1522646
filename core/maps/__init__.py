"""Layouts in two or three dimensions that keep similar samples close, and measures of how far to trust them.

Method: compute_map.
"""
