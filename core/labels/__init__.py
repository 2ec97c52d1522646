"""Which labels are probably wrong: several judges of each label, their consensus, and the noise they imply.

Methods: find_label_issues, find_multilabel_issues, find_regression_issues, find_detection_issues,
find_consensus, find_confusions.
"""
