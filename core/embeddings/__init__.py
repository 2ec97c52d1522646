"""Turning images into vectors: computing, importing, fusing, storing and reusing embeddings.

Methods: compute_embeddings, import_embeddings, fuse_embeddings. The models are in `models/`.
"""
