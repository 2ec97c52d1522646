"""Classifiers on embeddings and on the images themselves, and what cleaning the labels is worth to them.

Methods: train_classifier, finetune_classifier, classify_images.
"""
