"""The review gate: a written policy applied to a finished bundle, before anything is done on its strength.

``policy`` is the file of rules, ``rules`` hold a bundle against it, ``reviewer`` asks an outside command, ``decision``
puts them together. The bundle is never touched: the review stands beside it, with an attestation of its own.
"""
