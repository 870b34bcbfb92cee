"""A made-up population, sent through the real pipeline, marked as what it is and removable.

Read in this order: `marks` (how it is told from real data), `people` (who there is), `days` (what they do), `sending`
(spans, and their way to a processor), `store` (what is there of them, and its removal).
"""
