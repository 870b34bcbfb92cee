"""A Django database engine that brings its own PostgreSQL 18 and leaves nothing running behind.

Whichever process connects first starts the server; every other one shares it; when the last of them is
gone, however it went, so is the server. Read in this order: `base` (what Django sees), `server` (finding or
starting it), `supervisor` (the one process that outlives its users), `cluster` (what is started), and
`privileges` (as whom). Nothing is imported here: the supervisor must stay small.
"""
