"""The demo population: people join over time, and most of them stay."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from privacy.switches import DeploymentType

PEOPLE_AN_ORGANIZATION = 12
IN_THE_CLOUD = 0.7
THERE_FROM_THE_BEGINNING = 0.3
ONLY_LOOKED = 0.15
LEAVE_IN_TIME = 0.25


@dataclass(frozen=True, slots=True)
class Person:
    """A demo person. `leaves` is their last day, `diligence` the chance that they come on a weekday, and `curiosity`
    (0 to 1) how early they adopt new features."""

    number: int
    organization: int
    deployment: DeploymentType
    joins: date
    leaves: date
    diligence: float
    curiosity: float


def population(number: int, first: date, last: date, seed: int) -> list[Person]:
    """`number` people who join between the first and the last day; deterministic for equal arguments."""
    return [_person(index, first, last, Random(f"{seed} person {index}")) for index in range(number)]  # noqa: S311


def _person(index: int, first: date, last: date, chance: Random) -> Person:
    days = (last - first).days + 1
    # Some join in the first week; the others at a growing rate.
    if chance.random() < THERE_FROM_THE_BEGINNING:
        joins = first + timedelta(days=chance.randrange(min(7, days)))
    else:
        joins = first + timedelta(days=int(days * chance.random() ** 0.75))
    stays = chance.random()
    if stays < ONLY_LOOKED:
        leaves = joins
    elif stays < ONLY_LOOKED + LEAVE_IN_TIME:
        leaves = joins + timedelta(days=int(chance.expovariate(1 / 30)) + 2)
    else:
        leaves = last
    organization = index // PEOPLE_AN_ORGANIZATION
    # All people of an organization have the same deployment type.
    cloud = Random(f"organization {organization}").random() < IN_THE_CLOUD  # noqa: S311
    return Person(
        number=index,
        organization=organization,
        deployment=DeploymentType.CLOUD if cloud else DeploymentType.SELF_HOSTED,
        joins=joins,
        leaves=leaves,
        diligence=chance.uniform(0.25, 0.95),
        curiosity=chance.random(),
    )
