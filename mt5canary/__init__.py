"""A verification harness for one tiny real order, whose report passes only on evidence."""

__version__ = "0.1.0"
