"""What the panels have in common: the grid beside them, the samples in scope, aggregations and wording."""
