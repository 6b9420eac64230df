"""A summary becomes a page of plain data, a page becomes text: every rendering says the same numbers."""
