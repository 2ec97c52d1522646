"""The only code that reads or writes a FiftyOne dataset: fields to arrays, arrays to fields, and the record of each run."""
