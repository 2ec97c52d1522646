"""The embedding models, one file for each engine; `catalog.py` lists them with size and licence."""
