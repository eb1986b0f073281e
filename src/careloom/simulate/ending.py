"""The end of a life."""

from careloom.simulate.codes import concept
from careloom.simulate.life import Life


def die(life: Life) -> None:
    """Death now, or at the end of the stay under way."""
    if life.now < life.busy_until:
        life.plan(life.busy_until, die)
        return
    life.history.person.death = life.now
    life.history.person.cause_of_death = concept(life.cause or "senility")[0]
    for course in life.courses.values():
        course.end = max(course.start, life.now)
    life.is_over = True
