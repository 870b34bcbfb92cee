"""The sentence of reports about whose usage they count."""

from django.db.models import Sum

from analytics.models import IngestTally
from analytics.show.formatting import formatted
from analytics.show.question import Question


def who_is_counted(question: Question) -> str:
    """The sentence, with the number of spans stored on these days without a voucher, if any."""
    # `ingest.verdict` has these names; stages do not import each other.
    of_days = IngestTally.objects.filter(outcome="part", reason="voucher", day__range=(question.first, question.last))
    unvouched = of_days.aggregate(spans=Sum("spans"))["spans"]
    text = "Only people who share their usage are counted, by pseudonym."
    if unvouched:
        text += (
            f" That they share is the word of the services alone for {formatted('count', unvouched)} spans stored on "
            "these days; Data quality names them."
        )
    return text
