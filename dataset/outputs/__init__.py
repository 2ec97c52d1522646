"""From a method's columns to sample fields, heatmap files and the search index."""
