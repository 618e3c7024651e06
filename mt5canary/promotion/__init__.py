"""After the watch: what finished runs amount to over 24 and 72 hours, and whether the size may grow.

``examination`` reads one bundle, ``period`` adds up what bundles have in common, ``decision`` decides, and ``proposal``
writes what a person signs off. ``mt5canary evaluate`` is all of it.
"""
