"""Bad image files, faulty labels, samples unlike all others, and classes that a shortcut gives away.

Methods: find_annotation_issues, find_quality_issues, find_outliers, find_spurious_cues.
"""
