"""Readers of files that may be anything, which data sets, norms of other tools and saved runs share."""
