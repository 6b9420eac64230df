"""Formulas of one variable z: read, differentiated by rule, evaluated without leaving a float's range.

    text --grammar--> Tree --derivative--> Tree --evaluate--> arrays (in a float's range) or Wide (beyond it)

Nothing here runs what a text says: a text becomes a tree of the functions in `functions`, or is refused.
"""
