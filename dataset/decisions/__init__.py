"""What people decide about samples (keep, exclude, relabel), and the journal that undoes it."""
