"""Made-up usage data, sent through the real pipeline, recognizable by its ids and removable.

Read in this order: `ids` (ids of demo data), `people` (the population), `days` (their events), `sending` (spans to a
processor), `load` (all days), `store` (finding and deleting the rows).
"""
