"""How much each sample matters to a classifier, and small weighted sets (coresets) that train almost as well.

Methods: score_importance, select_coreset.
"""
