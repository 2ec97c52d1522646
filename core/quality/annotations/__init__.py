"""Checks of labels by themselves: boxes, outlines, keypoints, masks, names of classes, and what images hold."""
