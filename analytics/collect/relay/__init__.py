"""Browsers' spans, taken in on the site: read, judged by the catalogue, put under the session's person, sent on.

`bodies` reads what came in, `events` judges each span, `allowance` counts, `forward` sends through the gate, `page`
says what a page may be told, and `views` only translates to HTTP.
"""
