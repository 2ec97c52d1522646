"""Files beside the database: vectors, arrays that a run keeps, and embeddings that can be reused."""
