"""A simulated MetaTrader 5 terminal with its broker and market, behind the call surface of the package.

That it is simulated is declared outside that surface: by ``AttachedTerminal.kind``.
"""
