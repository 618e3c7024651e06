"""Somebody else's claims, read for what they do not prove.

``claims`` turns files into lines, ``rules`` hold the objections. An audit can only object: a file without an objection
has proven nothing by that.
"""
