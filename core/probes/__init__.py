"""Linear models and small networks on embeddings, their cross-validation and the metrics that judge them."""
