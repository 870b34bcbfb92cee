"""Keeping: partitions, rollups, retention, erasure."""
