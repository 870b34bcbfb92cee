"""Maintenance of the database: partitions, rollups, purge, erasure."""
