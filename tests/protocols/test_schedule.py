"""The schedule of slow questions, in fake time."""

import logging
from collections.abc import Callable

import pytest
from tests.fakes import FakeTime

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, TransportError, TransportTimeoutError
from pylon2mqtt.protocols.binary.dialects.pylontech_info import PylontechCommand as Binary
from pylon2mqtt.protocols.schedule import Schedule


class Unit:
    """Answers with a count, or with an error."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    def __call__(self) -> str:
        self.asked += 1
        if self.error:
            raise self.error
        return f"answer {self.asked}"


class Rig:
    def __init__(self, stagger_s: float = 0) -> None:
        self.time = FakeTime()
        self.schedule = Schedule(self.time.clock.now, stagger_s)
        self.unit = Unit()

    def answer(self, every_s: float = 60, key: str = "key") -> str | None:
        return self.schedule.answer(key, every_s, self.unit)


def test_it_is_asked_when_due_and_remembered_between() -> None:
    rig = Rig()
    assert rig.answer() == "answer 1"
    rig.time.now_s += 59
    assert rig.answer() == "answer 1"
    rig.time.now_s += 1
    assert rig.answer() == "answer 2"
    assert rig.unit.asked == 2


def test_every_0_asks_in_every_cycle() -> None:
    rig = Rig()
    assert [rig.answer(0), rig.answer(0)] == ["answer 1", "answer 2"]


def test_new_questions_come_due_one_after_the_other() -> None:
    rig = Rig(stagger_s=1)
    due: dict[str, int] = {}
    for second in range(6):
        for key in ("a", "b", "c"):
            if rig.answer(60, key) is not None:
                due.setdefault(key, second)
        rig.time.now_s += 1
    assert due == {"a": 1, "b": 2, "c": 3}


def test_one_that_is_needed_at_once_does_not_wait() -> None:
    rig = Rig(stagger_s=1)
    assert rig.schedule.answer("key", 60, rig.unit, at_once=True) == "answer 1"


def test_a_refusal_is_learnt_and_asked_again_after_a_day() -> None:
    rig = Rig()
    rig.unit.error = DeviceError("no", code=4)
    for _ in range(100):
        assert rig.answer() is None
        rig.time.now_s += 600
    assert rig.unit.asked == 1
    rig.unit.error = None
    rig.time.now_s += 86_400
    assert rig.answer() == "answer 2"


@pytest.mark.parametrize("error", [TransportTimeoutError("silence"), FrameError("damage")])
def test_silence_from_the_start_is_learnt_after_three_times(error: Exception) -> None:
    rig = Rig()
    rig.unit.error = error
    for _ in range(100):
        assert rig.answer() is None
        rig.time.now_s += 60
    assert rig.unit.asked == 3


def test_a_unit_that_once_answered_is_asked_again_and_again() -> None:
    rig = Rig()
    rig.answer()
    rig.unit.error = TransportTimeoutError("silence")
    rig.time.now_s += 60
    for _ in range(10):
        rig.answer()
        rig.time.now_s += 30
    assert rig.unit.asked == 11


def test_an_old_answer_goes_after_three_periods() -> None:
    rig = Rig()
    rig.answer()
    rig.unit.error = FrameError("damage")
    rig.time.now_s += 180
    assert rig.answer() == "answer 1"
    rig.time.now_s += 1
    assert rig.answer() is None


def test_an_answer_of_this_cycle_is_not_remembered_into_the_next() -> None:
    rig = Rig()
    assert rig.answer(0) == "answer 1"
    rig.unit.error = TransportTimeoutError("silence")
    assert rig.answer(0) is None
    rig.unit.error = None
    assert rig.answer(0) == "answer 3"


def test_a_lost_line_passes_through() -> None:
    rig = Rig()
    rig.unit.error = TransportError("unplugged")
    with pytest.raises(TransportError, match="unplugged"):
        rig.answer()


def test_what_is_not_understood_is_logged_once_with_its_bytes(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.unit.error = DecodeError("strange", raw=b"~strange\r")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            rig.answer()
            rig.time.now_s += 100_000
    assert [r.message for r in caplog.records] == [
        "strange; please send a recording (pylon2mqtt record): b'~strange\\r'"
    ]


def test_forgetting_asks_anew() -> None:
    rig = Rig()
    rig.answer(60, "a")
    rig.answer(60, "b")
    belongs: Callable[[object], bool] = lambda key: key == "a"  # noqa: E731
    rig.schedule.forget(belongs)
    assert rig.answer(60, "a") == "answer 3"
    assert rig.answer(60, "b") == "answer 2"


def test_the_log_says_what_is_not_known_in_words(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> str:
        raise DeviceError("no such command", code=4)

    with caplog.at_level(logging.INFO):
        for key in (("stat", 2), (Binary.ALARM, 3), "log"):
            Schedule(lambda: 0.0, 0.0).answer(key, 60.0, refuse)
    assert [r.message.partition(" is not known")[0] for r in caplog.records] == ["stat 2", "alarm 3", "log"]
