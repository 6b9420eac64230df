"""Parts: the links of the chain rule, a class each. A part states its mathematics once; all else follows."""
