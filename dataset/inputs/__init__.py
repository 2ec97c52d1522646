"""From a dataset to a method's arrays: which samples, which of their fields, in which role."""
