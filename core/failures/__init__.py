"""Where a model fails: groups of pictures on which it is wrong more often than their classes explain.

Methods: find_failure_slices.
"""
