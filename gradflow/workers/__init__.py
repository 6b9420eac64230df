"""Processes that answer calls: one BLAS thread each, tied to the process that started them."""
