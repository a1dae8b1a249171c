"""Who may join the line of waiting runs: up to so many in all, and so many of one visitor."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import line
from storage.errors import QueueFullError
from storage.tables import Job

# Put together once: a press on Generate waits for it.
WAITING = select(func.count()).where(Job.worker.is_(None))


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """How many runs may wait."""

    most: int
    most_of_one: int

    def admit(self, session: Session, visitor: str | None, more: int = 1) -> None:
        """Refuse where so many more do not fit, or not this visitor's; None is nobody's limit."""
        count = session.scalar(WAITING) or 0
        own = 0 if visitor is None else line.waiting_of(session, visitor)
        room = self.most - count
        if visitor is not None:
            room = min(room, self.most_of_one - own)
        if more <= room:
            return
        if more > 1:
            raise QueueFullError(
                f"These are {more} runs, and {max(0, room)} more may wait. "
                "Choose fewer, or wait until some have ended."
            )
        who = f"{count} runs are" if count >= self.most else f"{own} of your runs are"
        what = "already, and no more fit" if count >= self.most else "already"
        raise QueueFullError(
            f"{who} waiting {what}. Cancel one, or wait until the next one starts."
        )
