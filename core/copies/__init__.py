"""Pictures that occur more than once, exactly or nearly, within a set or across its splits.

Methods: find_duplicates, find_leaks.
"""
