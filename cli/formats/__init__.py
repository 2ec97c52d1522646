"""The forms that a check's report can take: one function each, from a `Report` to a text."""
