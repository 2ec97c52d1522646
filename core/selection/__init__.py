"""Choosing samples: subsets for a purpose, splits, the next batch to label, an order by similarity.

Methods: select_subset, split_dataset, select_next_batch, order_by_similarity, report.
"""
