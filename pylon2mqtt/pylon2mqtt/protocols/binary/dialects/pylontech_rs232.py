"""Pylontech's dialect on RS232 (V2.8), of older modules: ADR is always 1, and INFO says which module is meant.

Source: PYLON LFP Battery communication protocol RS232 V2.8 (2016-12-16), 2.8 and 3.4; docs/protocols/rs232.md.
"""

from pylon2mqtt.protocols.binary.dialect import (
    ALARM,
    ALL_MODULES,
    HOUR,
    MINUTE,
    BinaryDialect,
    Group,
    ProbeQuestion,
)
from pylon2mqtt.protocols.binary.frame import Frame

from . import seplos
from .pylontech import BARCODES, RS232_ADDRESS, decode
from .pylontech_info import SYSTEM, PylontechCommand

# Where INFO of an answer names the module: behind INFOFLAG, or first.
_NAMED_AT: dict[int, int] = {
    PylontechCommand.ANALOG: 1,
    PylontechCommand.ALARM: 1,
    PylontechCommand.MANAGEMENT: 0,
    PylontechCommand.SERIAL: 0,
}


def _info(command: int, place: int) -> bytes:
    return bytes((place,)) if command in _NAMED_AT else b""


def _answers(answer: Frame, asked: Frame) -> bool:
    if answer.address != asked.address:
        return False
    at = _NAMED_AT.get(asked.cid2)
    return at is None or asked.info == ALL_MODULES or answer.info[at : at + 1] == asked.info


PYLONTECH_RS232 = BinaryDialect(
    title="Pylontech's binary protocol (RS232)",
    lines={"rs232": 2},
    # 1200 after power-on, the others when 91 has set them. The longest answer, of a module with 16 cells, has 150
    # characters: 1.3 s at 1200.
    timeout_s={1200: 4.0, 4800: 2.0, 2400: 2.5},
    stacks=((Group(1, 8),),),
    address=RS232_ADDRESS,
    decode=decode,
    recognises=lambda answer, asked: not seplos.has_seplos_layout(answer, asked),
    answers=_answers,
    commands=frozenset(PylontechCommand) - SYSTEM - {PylontechCommand.FIRMWARE},
    info=_info,
    of_module={ALARM: 0.0, PylontechCommand.MANAGEMENT: MINUTE},
    of_bank={
        PylontechCommand.VERSION: HOUR,
        PylontechCommand.MANUFACTURER: HOUR,
        PylontechCommand.PACK_COUNT: HOUR,
        PylontechCommand.PARAMETERS: HOUR,
    },
    identity=PylontechCommand.SERIAL,
    count=PylontechCommand.PACK_COUNT,
    barcodes=BARCODES,
    # A battery that was set to 4800 baud before our start is still there.
    probe=ProbeQuestion(
        protocol="rs232", command=PylontechCommand.VERSION, places=(1,), wait_s={1200: 1.0, 4800: 0.6}, rank=5
    ),
)
