"""Curation: the methods by stage, what has been run and what to do next; the pages of runs and of the check."""
