"""Distances, exact and approximate search, and the neighbor graph that most methods share.

Method: find_neighbors.
"""
