"""Pylontech's dialect on RS485, where every module has an address; also of the many that speak it.

Source: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.1 and 2.5.3; docs/protocols/rs485.md.
"""

from pylon2mqtt.protocols.binary.dialect import (
    ALARM,
    ANALOG,
    HOUR,
    MINUTE,
    BinaryDialect,
    Group,
    ProbeQuestion,
)
from pylon2mqtt.protocols.binary.frame import Frame

from . import seplos
from .pylontech import BARCODES, decode
from .pylontech_info import SYSTEM, PylontechCommand

_IN_INFO = frozenset(
    (
        PylontechCommand.ANALOG,
        PylontechCommand.ALARM,
        PylontechCommand.MANAGEMENT,
        PylontechCommand.SERIAL,
        PylontechCommand.FIRMWARE,
    )
)

# Addresses n + 0x10 * group, n from 2 (the master) to 13. A stack in group 0 is alone; several begin at group 1 (DIP
# switches 2 to 4). Some makers begin at 1.
_ALONE = Group(0x02, 0x0D, tries=2)
_GROUPS = tuple(Group(0x10 * n + 0x02, 0x10 * n + 0x0D, number=12 * n - 11, tries=2) for n in range(1, 8))
_FROM_ONE = Group(0x01, 0x0D, contains_others=True)


def _info(command: int, place: int) -> bytes:
    return bytes((place,)) if command in _IN_INFO else b""


def _answers(answer: Frame, asked: Frame) -> bool:
    """JK and inverter emulations answer for their bank from address 2, whichever group's master is asked."""
    return answer.address == asked.address or (asked.cid2 in SYSTEM and answer.address == asked.address & 0x0F)


PYLONTECH_RS485 = BinaryDialect(
    title="Pylontech's binary protocol (RS485)",
    lines={"rs485": 1},
    # The rates that DIP switch 1 chooses. An answer is complete 69 to 182 ms after its request at 115200; at 9600 its
    # characters alone take up to half a second.
    timeout_s={115200: 1.0, 9600: 2.0},
    begins_s=1.0,
    stacks=((_ALONE,), _GROUPS, (_FROM_ONE,)),
    decode=decode,
    recognises=lambda answer, asked: not seplos.has_seplos_layout(answer, asked),
    answers=_answers,
    commands=frozenset(PylontechCommand) - {PylontechCommand.PACK_COUNT},
    info=_info,
    of_module={
        ALARM: 0.0,
        PylontechCommand.MANAGEMENT: MINUTE,
        PylontechCommand.PARAMETERS: HOUR,
        PylontechCommand.FIRMWARE: HOUR,
    },
    of_bank={
        PylontechCommand.VERSION: HOUR,
        PylontechCommand.MANUFACTURER: HOUR,
        PylontechCommand.SYSTEM_BASIC: HOUR,
        PylontechCommand.SYSTEM_ANALOG: 0.0,
        PylontechCommand.SYSTEM_ALARM: 0.0,
        PylontechCommand.SYSTEM_LIMITS: 0.0,
    },
    of_group=SYSTEM,
    bank_only=PylontechCommand.SYSTEM_ANALOG,
    identity=PylontechCommand.SERIAL,
    together=frozenset((ANALOG,)),
    barcodes=BARCODES,
    probe=ProbeQuestion(
        protocol="rs485",
        command=PylontechCommand.VERSION,
        places=(_ALONE.first, _GROUPS[0].first),
        wait_s={115200: 1.0, 9600: 2.0},
        rank=1,
    ),
)
