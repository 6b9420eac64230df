"""The version of the package, which every run keeps."""

__version__ = "0.1.0"
