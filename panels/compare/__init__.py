"""Curation Compare: a few selected samples side by side, with their similarities."""
