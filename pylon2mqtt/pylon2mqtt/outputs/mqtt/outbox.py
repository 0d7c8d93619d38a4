"""The content of our topics, and what of it has been sent."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# An unchanged topic is sent again after this many seconds, so that who listens sees that the bridge lives.
REPEAT_S = 300.0


@dataclass(frozen=True, slots=True)
class Publication:
    """The content of a topic. ``taken_at`` is sent with it, but a new time alone is not news."""

    content: dict[str, Any] | str
    taken_at: datetime | None = None

    @property
    def payload(self) -> str:
        """The content as it is sent; the time in UTC as ISO 8601, to the second."""
        if isinstance(self.content, str):
            return self.content
        utc = self.taken_at.astimezone(UTC).isoformat(timespec="seconds") if self.taken_at else None
        return json.dumps(self.content | ({"taken_at": utc} if utc else {}), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Sent:
    publication: Publication
    at: float


class Outbox:
    """The latest publication of each topic; `due` gives those that have to be sent."""

    def __init__(self) -> None:
        self._latest: dict[str, Publication] = {}
        self._sent: dict[str, _Sent] = {}
        self._due: dict[str, None] = {}

    def put(self, topic: str, publication: Publication, now: float) -> None:
        """Give a topic this content: sent at once if it is news, else when nothing was sent for long."""
        self._latest[topic] = publication
        sent = self._sent.get(topic)
        if sent is None or sent.publication.content != publication.content or now - sent.at >= REPEAT_S:
            self._due[topic] = None

    def remove(self, topic: str) -> None:
        """Let the broker forget the topic."""
        if topic in self._latest:
            del self._latest[topic]
        self._sent.pop(topic, None)
        self._due[topic] = None

    def repeat(self, topics: Iterable[str] | None = None) -> None:
        """Send these topics, or all of them, again: somebody new is listening."""
        wanted = self._latest if topics is None else set(topics)
        self._due |= dict.fromkeys(topic for topic in self._latest if topic in wanted)

    def due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield topic and payload of what is due, which then counts as sent."""
        due, self._due = self._due, {}
        for topic in due:
            publication = self._latest.get(topic)
            if publication:
                self._sent[topic] = _Sent(publication, now)
            yield topic, publication.payload if publication else ""
