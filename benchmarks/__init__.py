"""Benchmarks. Each measures several contenders in one run and prints ratios, because times depend on the machine."""
