"""A Django database engine with its own PostgreSQL 18 server, which runs only while processes use it.

The first process to connect starts the server, all others share it, and it stops when the last of them ends, even if
that is killed. Read in this order: `base` (Django's backend), `server` (finding or starting the server), `supervisor`
(the server's parent process), `cluster` (data directory and settings), `privileges` (the server's user). This file
imports nothing, to keep the supervisor small.
"""
