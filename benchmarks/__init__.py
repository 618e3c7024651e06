"""Figures as ratios of medians from alternating runs in one session; see ``python -m benchmarks``."""
