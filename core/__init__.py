"""What curation is: arrays in, arrays out. Nothing here knows a FiftyOne dataset.

`catalog.py` lists every method. Folders import downwards only, from the lowest floor to the highest:
base; images, neighbors, probes; embeddings, labels, copies, representatives, maps;
zero_shot, quality, classifiers, selection; explanations, importance; catalog.
"""
