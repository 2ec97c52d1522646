"""Where in a picture a model finds its evidence: heatmaps, and how faithful they are.

Method: explain.
"""
