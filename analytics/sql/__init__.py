"""SQL longer than one line, in files with a name and a comment that says what each is for.

functions/  functions and triggers of the database, installed by migrations
views/      views for BI, installed by migrations; their schema and the rights of a reading role
rollups/    what keep computes, closes and forgets
reports/    queries of the pages of reports; their parameters are `analytics.show.report.query_parameters`
"""

import re
from functools import cache
from pathlib import Path

INCLUDE = re.compile(r"^-- include: (\S+)\n", re.MULTILINE)


@cache
def sql(name: str) -> str:
    """The text of `name`.sql, such as rollups/people. Raises FileNotFoundError for a name that is not there.

    A line `-- include: reports/overview` stands for the text of that file.
    """
    text = (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
    return INCLUDE.sub(lambda found: sql(found[1]), text)
