"""The commands of the command line that compose several parts; those of one part live beside it."""
