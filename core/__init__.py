"""What curation is: arrays in, arrays out. Nothing here knows a FiftyOne dataset."""
