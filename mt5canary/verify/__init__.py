"""Verification of a bundle: offline, from the raw records, without any configuration.

``verification.verify`` is the whole of it; ``mt5canary verify`` and the last act of every run call it.
"""
