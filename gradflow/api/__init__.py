"""gradflow from Python: what the commands do, as functions that give values.

They go through the commands' own work, so their numbers are those of the command line to the last bit.
"""
