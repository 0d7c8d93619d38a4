"""What is new, missing or broken in an answer costs itself only: over every recording of the binary protocol.

A: bytes that are not known. B: a question that is refused or never answered. C: a sensor that measures nothing.
"""

import json
from dataclasses import replace

import pytest
from tests import recordings
from tests.fakes import FakeLine, FakeTime

from pylon2mqtt.errors import ProtocolError
from pylon2mqtt.model import AlarmKind, AlarmSource, Bank, Module
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.binary.dialect import ANALOG, BinaryDialect
from pylon2mqtt.protocols.binary.dialects import DIALECTS, PACE, PYLONTECH_RS232, PYLONTECH_RS485, VER22
from pylon2mqtt.protocols.binary.frame import Frame, candidates

ANSWERS = [a for a in recordings.answers() if a.protocol in ("rs485", "rs232") and a.request[7:9] == "42"]


def question(answer: recordings.Answer) -> Frame:
    return Frame.parse(answer.request.encode() + b"\r")


def frame(answer: recordings.Answer) -> Frame:
    """The last good answer of a recording."""
    sound = []
    for raw in candidates(answer.data):
        try:
            sound.append(Frame.parse(raw))
        except ProtocolError:
            continue
    return next(told for told in reversed(sound) if told.cid2 == 0)


def dialect(answer: recordings.Answer) -> BinaryDialect:
    return next(each for each in DIALECTS if each.claims(frame(answer), question(answer)))


def decoded(answer: recordings.Answer, info: bytes) -> Bank:
    told = replace(frame(answer), info=info).to_bytes()
    return registry.decode(answer.protocol, told, answer.request)


def known(module: Module) -> dict[str, object]:
    told: dict[str, object] = recordings.said(json.loads(json.dumps(whole_report(Bank(modules=(module,))))))
    return told


def is_single(answer: recordings.Answer) -> bool:
    return question(answer).info != b"\xff"


APPENDING = (PACE, PYLONTECH_RS485, PYLONTECH_RS232, VER22)


@pytest.mark.parametrize("answer", [a for a in ANSWERS if is_single(a) and dialect(a) in APPENDING], ids=str)
@pytest.mark.parametrize("more", [b"\x07\xff", bytes(3), b"\x01\x02\x03\x04\x05"], ids=["two", "three", "five"])
def test_a_bytes_that_are_not_known_cost_only_themselves(answer: recordings.Answer, more: bytes) -> None:
    (before,) = decoded(answer, frame(answer).info).modules
    (now,) = decoded(answer, frame(answer).info + more).modules
    assert known(replace(now, soh=None)) == known(replace(before, soh=None)), "the SOH stands in a known tail alone"


def first_temperature(answer: recordings.Answer) -> int:
    """Where the second temperature of the first module stands in INFO."""
    info = frame(answer).info
    if dialect(answer) is VER22:
        return 6 + 2 * info[5] + 6 + 1
    return 3 + 2 * info[2] + 1 + 2


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_c_a_sensor_that_is_not_connected_costs_one_value(answer: recordings.Answer) -> None:
    info, at = frame(answer).info, first_temperature(answer)
    away = (-500).to_bytes(2, "big", signed=True) if dialect(answer) is VER22 else (2731 - 500).to_bytes(2)
    before = decoded(answer, info).modules[0]
    now = decoded(answer, info[:at] + away + info[at + 2 :]).modules[0]
    assert now.voltage == before.voltage
    assert now.cells == before.cells
    assert now.remaining_capacity == before.remaining_capacity
    groups = zip(before.temperatures or (), now.temperatures or (), strict=True)
    changed = [one for one, other in groups if one != other]
    assert len(changed) == 1
    assert None in (now.temperatures or ())
    alarms = [alarm for alarm in now.alarms or () if alarm.by is AlarmSource.BRIDGE]
    assert [alarm.kind for alarm in alarms] == [AlarmKind.SENSOR_FAULT]


ASKED_FIRST = [a for a in ANSWERS if question(a) == dialect(a).question(ANALOG, dialect(a).stacks[0][0].first)]


@pytest.mark.parametrize("answer", ASKED_FIRST, ids=str)
@pytest.mark.parametrize("refuses", [True, False], ids=["refuses", "is silent"])
def test_b_a_module_exists_that_answers_42_alone(answer: recordings.Answer, refuses: bool) -> None:
    """diyBMS and others know nothing else: neither its alarms nor its serial number are needed."""
    time, asked = FakeTime(), question(answer)

    def only_42(raw: bytes) -> bytes:
        if raw == asked.to_bytes():
            return answer.data
        sent = Frame.parse(raw)
        if refuses and (sent.version, sent.address, sent.cid1) == (asked.version, asked.address, asked.cid1):
            return Frame(version=asked.version, address=asked.address, cid1=asked.cid1, cid2=0x04).to_bytes()
        return b""

    spoken = dialect(answer)
    protocol = answer.protocol if answer.protocol in spoken.lines else next(iter(spoken.lines))
    line = FakeLine(only_42, time, baudrate=next(iter(spoken.timeout_s)))
    reader = registry.driver(protocol, name="B", clock=time.clock, stagger_s=0)
    banks = [reader.read(line) for _ in range(3)]
    expected = decoded(answer, frame(answer).info).modules[0]
    for bank in banks:
        assert (len(bank.modules), bank.silent) == (1, ())
        assert bank.modules[0].cells == expected.cells
        assert bank.modules[0].remaining_capacity == expected.remaining_capacity
        assert bank.modules[0].barcode is None
