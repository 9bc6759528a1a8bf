"""A proxy without a machine under it: the loop's three seams on virtual time and an in-memory network.

The same data path that serves traffic runs here by scripts: nothing waits, nothing is random, and every run repeats itself.
"""
