"""Tags from text descriptions, without training.

Method: tag_zero_shot.
"""
