"""The protocol between client and gateway, and all that the two sides share.

``requests`` and ``replies`` are its messages, ``frames`` its bytes, ``signature`` its risk signature. The page
they follow is docs/wire-protocol.md.
"""
