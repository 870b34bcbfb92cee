"""Processor process: OTLP -> rows. Its modules, in the order in which a span meets them:

`supervise`   keeps several processes on one port alive
`serve`       the life of one process: listen, drain, end
`answer`      the gRPC service: bytes in, and a status for each error
`fast`        decodes a request's spans, and remembers what comes again
`decode`      does the same with protobuf's own classes: the reference
`content`     checks a span's attributes against the catalogue
`judge`       makes of each span a row, a request to delete, or a rejection
`verdict`     what became of the spans of a request; reasons of rejections
`pool`        lets requests that wait together share a transaction
`write`       writes their rows and counts, each exactly once
`script`      sends statements and the data of their COPYs in few round trips
`copy`        the bytes of a row, and their way into its table

Beside them: `clock` asks the database for the time, `rejections` logs what is rejected by reason and sender, `metrics`
measures the process.
"""
