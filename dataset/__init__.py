"""The only code that reads or writes a FiftyOne dataset: fields to arrays and back, and the record of each run."""

from . import searching as searching
from . import zoo_engine as zoo_engine
