"""How much each sample matters to a classifier, and small weighted sets (coresets) that train almost as well.

Method: score_importance.
"""
