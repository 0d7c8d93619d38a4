"""The roster by itself: who has moved, who displaced whom, and which answers are forgotten with a module."""

import pytest
from tests.fakes import FakeTime

from pylon2mqtt.errors import TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.roster import GONE_S, TRY_AGAIN_CYCLES, TRY_EVERY_S, Roster

SILENCE = TransportTimeoutError("silence")


class Rig:
    """A roster with a module at each place, and what was asked of the slow question to each."""

    def __init__(self, *places: int) -> None:
        self.time = FakeTime()
        self.roster = Roster("House", self.time.clock.now)
        for place in places:
            self.roster.found(place, place)
            self.roster.recognise(place, identity(f"B{place}"), again_s=600)
            self.slow(place, f"of B{place}")

    def slow(self, place: int, now: str = "asked anew") -> str | None:
        return self.roster.answers.answer(("slow", place), 3600, lambda: now, at_once=True)

    def barcodes(self) -> dict[int, str | None]:
        return {place: slot.barcode for place, slot in self.roster.slots.items()}


def identity(barcode: str) -> Bank:
    return Bank(modules=(Module(number=1, barcode=barcode),))


def test_a_module_that_took_a_free_number_is_not_missed_at_its_old_one() -> None:
    rig = Rig(1, 2, 3)
    rig.roster.missed(3, SILENCE)
    rig.roster.found(4, 4)
    rig.roster.recognise(4, identity("B3"), again_s=600)
    assert rig.barcodes() == {1: "B1", 2: "B2", 4: "B3"}
    assert rig.roster.silent == ()


def test_who_was_displaced_is_still_missed() -> None:
    """Number 2 was taken out and the others moved up: two are left of three, and no sum may be taken over them."""
    rig = Rig(1, 2, 3)
    rig.roster.missed(3, SILENCE)
    rig.roster.recognise(2, identity("B3"), again_s=600)
    assert rig.barcodes() == {1: "B1", 2: "B3", 3: "B2"}
    assert rig.roster.silent == (3,)


def test_what_another_module_answered_is_forgotten() -> None:
    rig = Rig(1, 2, 3)
    rig.roster.missed(3, SILENCE)
    rig.roster.recognise(2, identity("B3"), again_s=600)
    assert [rig.slow(place) for place in (1, 2, 3)] == ["of B1", "asked anew", "asked anew"]


def test_one_that_still_answers_under_a_barcode_seen_elsewhere_is_asked_who_it_is() -> None:
    rig = Rig(1, 2)
    rig.roster.recognise(2, identity("B1"), again_s=600)
    assert rig.roster.slots[1].identify_at == rig.time.now_s
    assert set(rig.roster.slots) == {1, 2}


def test_a_module_that_is_gone_takes_its_answers_along() -> None:
    rig = Rig(1, 2)
    rig.roster.missed(2, SILENCE)
    rig.time.now_s += GONE_S + 1
    assert not rig.roster.begin()
    assert set(rig.roster.slots) == {1}
    assert rig.slow(2) == "asked anew"


def test_a_rescan_forgets_everything_once() -> None:
    rig = Rig(1, 2)
    rig.roster.rescan()
    assert (rig.roster.begin(), rig.roster.begin()) == (True, False)
    assert rig.roster.slots == {}
    assert rig.slow(1) == "asked anew"


def test_a_silent_module_rests_until_its_turn_or_until_another_is_back() -> None:
    rig = Rig(1, 2, 3)
    for _ in range(TRY_AGAIN_CYCLES):
        rig.roster.missed(2, SILENCE)
        rig.roster.missed(3, SILENCE)
    assert [place for place, _ in rig.roster.on_turn()] == [1]
    rig.time.now_s += TRY_EVERY_S
    assert [place for place, _ in rig.roster.on_turn()] == [1, 2, 3]
    rig.roster.missed(2, SILENCE)
    rig.roster.missed(3, SILENCE)
    assert [place for place, _ in rig.roster.on_turn()] == [1]
    rig.roster.answered(2)
    assert [place for place, _ in rig.roster.on_turn()] == [1, 2, 3]


def test_each_silence_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(1, 2)
    for _ in range(3):
        rig.roster.report({1: Module(number=1)}, "left out")
    assert [record.message for record in caplog.records] == ["House: module 2 is silent: left out"]
