"""A few real samples that stand for all: k-medoids in bounded memory.

Methods: find_representatives, sweep_representatives.
"""
