"""The text console's events: every bit, every name, combinations, and the battery's own lists."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from tests.protocols.console.test_answers import POWER_LINES, framed, only, refusal

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Event, Severity
from pylon2mqtt.protocols.console.events.bits import EVENT_BITS, event_alarms, fault_alarms, recorded
from pylon2mqtt.protocols.console.stack.conditions import distinct
from pylon2mqtt.protocols.console.text import read
from pylon2mqtt.protocols.console.values import SYSTEM_FAULT, sensor_fault, state_alarms

WARNING, PROTECTION, FAULT = Severity.WARNING, Severity.PROTECTION, Severity.FAULT
INFORMATION = [0x4, 0x80, 0x400, 0x2000, 0x4000, 0x200000, 0x400000, 0x800000, 0x2000000, 0x4000000, 0x8000000]


def records(data: bytes) -> tuple[Event, ...]:
    return recorded(read(data, None)).bank.events or ()


def told(key: str, value: str) -> list[tuple[AlarmKind, str | None, str | None]]:
    alarms = fault_alarms(value) if key == "System Fault" else event_alarms(key, value)
    return [(alarm.kind, alarm.code, alarm.text) for alarm in alarms]


class TestBits:
    @pytest.mark.parametrize("key", ["Bat Events", "Power Events"])
    @pytest.mark.parametrize("bit", INFORMATION)
    def test_information_is_no_alarm(self, key: str, bit: int) -> None:
        assert told(key, f"0x{bit:X}") == []

    @pytest.mark.parametrize("bit", [bit for bit in EVENT_BITS if bit not in INFORMATION])
    def test_every_other_bit_is_one(self, bit: int) -> None:
        ((_, code, text),) = told("Power Events", f"0x{bit:X}")
        assert (code, bool(text)) == (f"0x{bit:X}", True)

    @pytest.mark.parametrize(
        ("key", "value", "kind", "severity"),
        [
            ("Bat Events", "0x1", AlarmKind.CELL_OVERVOLTAGE, PROTECTION),
            ("Bat Events", "0x2", AlarmKind.CELL_OVERVOLTAGE, WARNING),
            ("Power Events", "0x2", AlarmKind.MODULE_OVERVOLTAGE, WARNING),
            ("Bat Events", "0x8", AlarmKind.CELL_UNDERVOLTAGE, WARNING),
            ("Power Events", "0x10", AlarmKind.MODULE_UNDERVOLTAGE, PROTECTION),
            ("Bat Events", "0x20", AlarmKind.CELL_UNDERVOLTAGE, PROTECTION),
            ("Bat Events", "0x100", AlarmKind.OVERTEMPERATURE, PROTECTION),
            ("Bat Events", "0x800", AlarmKind.UNDERTEMPERATURE, WARNING),
            ("Power Events", "0x8000", AlarmKind.LOW_SOC, WARNING),
            ("Power Events", "0x10000", AlarmKind.SHORT_CIRCUIT, PROTECTION),
            ("Power Events", "0x20000", AlarmKind.DISCHARGE_OVERCURRENT, PROTECTION),
            ("Power Events", "0x100000", AlarmKind.CHARGE_OVERCURRENT, PROTECTION),
            ("Power Events", "0x10000000", AlarmKind.SYSTEM_FAULT, FAULT),
            ("System Fault", "0x8", AlarmKind.SENSOR_FAULT, FAULT),
            ("System Fault", "0x100", AlarmKind.COMMUNICATION_FAULT, FAULT),
            ("System Fault", "0x400", AlarmKind.RELAY_FAULT, FAULT),
            ("System Fault", "0x1000", AlarmKind.COMMUNICATION_FAULT, FAULT),
        ],
    )
    def test_kinds(self, key: str, value: str, kind: AlarmKind, severity: Severity) -> None:
        (alarm,) = fault_alarms(value) if key == "System Fault" else event_alarms(key, value)
        assert (alarm.kind, alarm.severity) == (kind, severity)

    def test_bits_are_read_one_by_one(self) -> None:
        assert told("Bat Events", "0x2002A") == [
            (AlarmKind.CELL_OVERVOLTAGE, "0x2", "BHV"),
            (AlarmKind.CELL_UNDERVOLTAGE, "0x8", "BLV"),
            (AlarmKind.CELL_UNDERVOLTAGE, "0x20", "BSLP"),
            (AlarmKind.DISCHARGE_OVERCURRENT, "0x20000", "DOC2"),
        ]

    def test_a_bit_that_nobody_knows_keeps_its_code(self) -> None:
        (alarm,) = fault_alarms("0x10000000")
        assert (alarm.kind, alarm.severity, alarm.code) == (AlarmKind.OTHER, FAULT, "0x10000000")

    @pytest.mark.parametrize("value", ["0xA00000AA", "0Xa00000aa", "2684354730"])
    def test_pitfall_23_pitfall_25_hexadecimal_and_decimal(self, value: str) -> None:
        assert [code for _, code, _ in told("Bat Events", value)] == ["0x2", "0x8", "0x20", "0x20000000", "0x80000000"]

    @pytest.mark.parametrize("value", ["0x", "0xG", "A0", "", "0x123456789", "x"])
    def test_what_is_no_number_is_refused(self, value: str) -> None:
        with pytest.raises(FrameError):
            event_alarms("Bat Events", value)


class TestNames:
    def test_printed_names_count_more_than_the_table(self) -> None:
        assert told("Power Events", "0x40000000     SC") == [(AlarmKind.SHORT_CIRCUIT, "0x40000000", "SC")]

    def test_names_may_hold_blanks(self) -> None:
        assert told("System Fault", "0x2100 ONLINE err InitVoltDiff") == [
            (AlarmKind.COMMUNICATION_FAULT, "0x100", "ONLINE err"),
            (AlarmKind.SYSTEM_FAULT, "0x2000", "InitVoltDiff"),
        ]

    def test_a_name_goes_with_its_bit_whatever_the_order(self) -> None:
        assert told("Bat Events", "0xA   BLV BHV") == [
            (AlarmKind.CELL_OVERVOLTAGE, "0x2", "BHV"),
            (AlarmKind.CELL_UNDERVOLTAGE, "0x8", "BLV"),
        ]

    def test_a_name_that_nobody_knows_is_kept(self) -> None:
        assert told("System Fault", "0x40000000  WarpCore") == [(AlarmKind.OTHER, "0x40000000", "WarpCore")]
        assert told("Bat Events", "0x2  WarpCore") == [(AlarmKind.CELL_OVERVOLTAGE, "0x2", "WarpCore")]

    def test_a_strange_name_beside_a_known_one_goes_with_the_other_bit(self) -> None:
        assert told("System Fault", "0x41000 WarpCore EXCOMMTIMEOUT") == [
            (AlarmKind.COMMUNICATION_FAULT, "0x1000", "EXCOMMTIMEOUT"),
            (AlarmKind.OTHER, "0x40000", "WarpCore"),
        ]

    def test_more_names_than_bits(self) -> None:
        assert told("Bat Events", "0x8 PHV BLV") == [
            (AlarmKind.CELL_UNDERVOLTAGE, "0x8", "BLV"),
            (AlarmKind.MODULE_OVERVOLTAGE, None, "PHV"),
        ]

    def test_fully_charged_is_good(self) -> None:
        lines = [line.replace("Power Events    : 0x0", "Power Events    : 0x2000     COULFULL") for line in POWER_LINES]
        assert only("pwr 2", lines).alarms == ()

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("CBOT", AlarmKind.CHARGE_OVERTEMPERATURE),
            ("DBLT", AlarmKind.DISCHARGE_UNDERTEMPERATURE),
            ("MHT", AlarmKind.MOSFET_OVERTEMPERATURE),
            ("COC2", AlarmKind.CHARGE_OVERCURRENT),
            ("DOCA", AlarmKind.DISCHARGE_OVERCURRENT),
            ("UUV", AlarmKind.MODULE_UNDERVOLTAGE),
            ("PUT", AlarmKind.UNDERTEMPERATURE),
        ],
    )
    def test_names_are_put_together(self, name: str, kind: AlarmKind) -> None:
        assert told("Bat Events", f"0x40000000 {name}") == [(kind, "0x40000000", name)]


class TestStatusWords:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("Bat Volt Status", "0x4        BVNOR"),
            ("Bat Volt Status", "0x4"),
            ("Bat Tmpr Status", "0x8        BTNOR"),
            ("Pwr Tmpr Status", "0x8"),
            ("Mos Tmpr Status", "0x8        MTNOR"),
            ("Pwr Base Status", "0x2        DSG"),
            ("Pwr Base Status", "0x40"),
            ("Cascade Status", "0x3        ONLINE"),
            ("Pwr Coul Status", "0x1        CNOR"),
            ("Pwr Curr Status", "0x0"),
        ],
    )
    def test_pitfall_24_what_is_normal_has_a_bit_of_its_own(self, key: str, value: str) -> None:
        lines = [line for line in POWER_LINES if "Events" not in line]
        assert only("pwr 2", [*lines, f" {key} : {value}"]).alarms == ()

    @pytest.mark.parametrize(
        ("key", "value", "kind"),
        [
            ("Bat Volt Status", "0x2        BHV", AlarmKind.CELL_OVERVOLTAGE),
            ("Bat Volt Status", "0x8", AlarmKind.CELL_UNDERVOLTAGE),
            ("Pwr Volt Status", "0x8", AlarmKind.MODULE_UNDERVOLTAGE),
            ("Mos Tmpr Status", "0x2        MOT", AlarmKind.MOSFET_OVERTEMPERATURE),
            ("Bat Tmpr Status", "0x40", AlarmKind.OTHER),
            ("Pwr Curr Status", "0x1", AlarmKind.OTHER),
            ("Pwr Curr Status", "0x1        DOC", AlarmKind.DISCHARGE_OVERCURRENT),
            ("Pwr Base Status", "0x8        SYSERR", AlarmKind.SYSTEM_FAULT),
        ],
    )
    def test_what_is_not_is_an_alarm(self, key: str, value: str, kind: AlarmKind) -> None:
        assert [a.kind for a in only("pwr 2", [*POWER_LINES, f" {key} : {value}"]).alarms or ()] == [kind]


def state(column: str, word: str) -> list[Alarm]:
    return state_alarms([(column, word)])


Shown = tuple[AlarmKind, Severity, str | None, str | None]


def shown(*alarms: Sequence[Alarm]) -> list[Shown]:
    return [(a.kind, a.severity, a.code, a.text) for a in distinct(alarm for some in alarms for alarm in some)]


class TestOneConditionOneAlarm:
    @pytest.mark.parametrize(
        ("column", "word", "key", "value", "expected"),
        [
            ("B.V.St", "High", "Bat Events", "0x2 BHV", (AlarmKind.CELL_OVERVOLTAGE, WARNING, "0x2", "BHV")),
            ("B.V.St", "Low", "Bat Events", "0x8", (AlarmKind.CELL_UNDERVOLTAGE, WARNING, "0x8", "BLV")),
            ("B.V.St", "High", "Bat Volt Status", "0x2 BHV", (AlarmKind.CELL_OVERVOLTAGE, WARNING, "0x2", "BHV")),
            ("B.V.St", "High", "Bat Status", "0 BHV", (AlarmKind.CELL_OVERVOLTAGE, WARNING, None, "BHV")),
            ("B.V.St", "UV", "Bat Events", "0x20", (AlarmKind.CELL_UNDERVOLTAGE, PROTECTION, "0x20", "BSLP")),
            ("B.V.St", "High", "Bat Events", "0x1", (AlarmKind.CELL_OVERVOLTAGE, PROTECTION, "0x1", "BOV")),
            ("B.V.St", "OV", "Bat Events", "0x2", (AlarmKind.CELL_OVERVOLTAGE, PROTECTION, "0x2", "BHV")),
            ("Volt.St", "High", "Power Events", "0x2", (AlarmKind.MODULE_OVERVOLTAGE, WARNING, "0x2", "PHV")),
            ("Temp.St", "OT", "Power Events", "0x100", (AlarmKind.OVERTEMPERATURE, PROTECTION, "0x100", "POT")),
            ("B.T.St", "High", "Bat Events", "0x200", (AlarmKind.OVERTEMPERATURE, WARNING, "0x200", "BHT")),
            ("B.T.St", "High", "Bat Events", "0x0 CBHT", (AlarmKind.CHARGE_OVERTEMPERATURE, WARNING, None, "CBHT")),
            ("M.T.St", "High", "Mos Tmpr Status", "0x4 MHT", (AlarmKind.MOSFET_OVERTEMPERATURE, WARNING, "0x4", "MHT")),
            (
                "Curr.St",
                "High",
                "Power Events",
                "0x80000",
                (AlarmKind.DISCHARGE_OVERCURRENT, PROTECTION, "0x80000", "DOC"),
            ),
            ("Curr.St", "SC", "Power Events", "0x10000", (AlarmKind.SHORT_CIRCUIT, PROTECTION, "0x10000", "SC")),
            ("Coul Status", "Low", "Power Events", "0x8000", (AlarmKind.LOW_SOC, WARNING, "0x8000", "COULLOW")),
            ("Volt Status", "Low", "Power Events", "0x8", (AlarmKind.MODULE_UNDERVOLTAGE, WARNING, "0x8", "PLV")),
        ],
    )
    def test_a_state_and_its_bit(self, column: str, word: str, key: str, value: str, expected: Shown) -> None:
        kind, severity, code, name = expected
        for alarms in (
            [state(column, word), event_alarms(key, value)],
            [event_alarms(key, value), state(column, word)],
        ):
            assert shown(*alarms) == [(kind, severity, code, f"{column} {word}, {name}")]

    @pytest.mark.parametrize(
        ("column", "word", "key", "value"),
        [
            ("B.V.St", "High", "Power Events", "0x2"),
            ("Volt.St", "High", "Bat Events", "0x2"),
            ("B.V.St", "High", "Bat Events", "0x8"),
            ("Temp.St", "High", "Bat Events", "0x200"),
            ("B.T.St", "High", "Power Events", "0x200"),
            ("Curr.St", "High", "Power Events", "0x10000"),
            ("Curr.St", "COC", "Power Events", "0x80000"),
            ("B.V.St", "Strange", "Bat Events", "0x2"),
            ("B.V.St", "High", "Bat Events", "0x2 WarpCore"),
            ("SysAlarm.St", "Alarm", "Power Events", "0x10000000"),
        ],
    )
    def test_two_conditions_stay_two(self, column: str, word: str, key: str, value: str) -> None:
        alarms = [*state(column, word), *event_alarms(key, value)]
        assert len(alarms) == 2
        assert set(distinct(alarms)) == set(alarms)

    def test_of_two_bits_the_one_that_is_as_bad(self) -> None:
        assert shown(state("B.V.St", "High"), event_alarms("Bat Events", "0x3")) == [
            (AlarmKind.CELL_OVERVOLTAGE, PROTECTION, "0x1", "BOV"),
            (AlarmKind.CELL_OVERVOLTAGE, WARNING, "0x2", "B.V.St High, BHV"),
        ]

    def test_pwr_and_pwr_n_say_the_same_state(self) -> None:
        expected = (AlarmKind.CHARGE_OVERCURRENT, PROTECTION, None, "Curr.St High, Current Status COC")
        assert shown(state("Curr.St", "High"), state("Current Status", "COC")) == [expected]

    def test_a_system_error_has_its_bit_and_its_faults(self) -> None:
        alarms = shown([SYSTEM_FAULT], event_alarms("Power Events", "0x10000000"), fault_alarms("0x1"))
        assert alarms == [
            (AlarmKind.SYSTEM_FAULT, FAULT, "0x10000000", "SysError, SYSERR"),
            (AlarmKind.SYSTEM_FAULT, FAULT, "0x1", "reverse polarity"),
        ]
        assert len(distinct([SYSTEM_FAULT, *fault_alarms("0x1")])) == 2

    def test_a_name_with_and_without_its_bit_is_one(self) -> None:
        named = event_alarms("Bat Status", "0 BHV")
        assert shown(named, event_alarms("Bat Events", "0x2"), named) == [
            (AlarmKind.CELL_OVERVOLTAGE, WARNING, "0x2", "BHV")
        ]

    def test_other_cells_and_other_words_stay(self) -> None:
        alarms = (sensor_fault(4), sensor_fault(5), *state("SysAlarm.St", "Alarm"), *state("Soh Status", "Weak"))
        assert distinct(alarms) == distinct((*alarms, *alarms)) == alarms
        assert distinct(()) == ()

    def test_what_is_distinct_stays_so(self) -> None:
        once = distinct([*state("B.V.St", "High"), *event_alarms("Bat Events", "0x2"), SYSTEM_FAULT])
        assert distinct(once) == once


LOG = [
    " Index   : 2     ",
    " Time    : 31-05-06 07:08:09",
    " ModID   : BMM",
    " Code    : 3a01",
    " Info    : Charging began: all is well. ",
    "",
    " Index   : 1     ",
    " Time    : 00-00-00 00:00:00",
    " ModID   : BMM",
    " Code    : 0",
    " Info    : No current. ",
]
EVENT = [
    "-----------------------",
    "Item Index      : 7",
    "Time            : 31-05-06 07:08:09",
    "Base State      : SysError    ",
    "Power Events    : 0x10000000 SYSERR ",
    "Bat Events      : 0xA      BHV BLV ",
    "Bat Protect ENA : BOV BHV BLV BUV ",
    "System Fault    : 0x0 ",
    "-----------------------",
    "",
    "Battery  Volt     Tempr    Volt. State  Temp. State  Coulomb     ",
    "0        3187     19000    Normal       Normal       53%",
]
LIST = [
    "Item  Time               Vo(mV) Tempr   Tlow    Thigh   Vlowest  Vhighest Volt.St   Temp.St Events     BatEvents ",
    "0     31-05-06 07:08:09  51369  39000   34000   35000   3404     3433     Normal    Normal  ",
    "1     31-05-06 07:38:09  53018  41000   33000   35000   3505     3560     Normal    Normal  PHV BHV ",
    "2     31-05-06 08:08:09  53018  41000   33000   35000   3505     3560     Normal    High    POV ",
]


class TestRecords:
    def test_the_log(self) -> None:
        newest, older = records(framed("log", LOG))
        assert (newest.number, newest.at, newest.source) == (2, datetime(2031, 5, 6, 7, 8, 9), "BMM")
        assert (newest.code, newest.text, newest.alarms) == ("3a01", "Charging began: all is well.", ())
        assert (older.number, older.at, older.text) == (1, None, "No current.")

    def test_one_event_with_its_bits(self) -> None:
        (event,) = records(framed("data event 7", EVENT))
        assert (event.number, event.text) == (7, "Power Events 0x10000000 SYSERR; Bat Events 0xA BHV BLV")
        assert [alarm.text for alarm in event.alarms] == ["SYSERR", "BHV", "BLV"]

    def test_a_list_of_events(self) -> None:
        events = records(framed("datalist event", LIST))
        assert [(e.number, e.text, [a.kind for a in e.alarms]) for e in events] == [
            (0, None, []),
            (1, "PHV BHV", [AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.CELL_OVERVOLTAGE]),
            (2, "POV", [AlarmKind.MODULE_OVERVOLTAGE]),
        ]

    @pytest.mark.parametrize("row", ["Normal    Normal  0x0", "Normal    Normal  PVNOR  0x0"])
    def test_an_error_code_of_0_is_no_warning(self, row: str) -> None:
        line = LIST[1].replace("Normal    Normal  ", row)
        assert [event.alarms for event in records(framed("datalist event", [LIST[0] + " Err.Code", line]))] == [()]

    def test_a_list_that_runs_past_its_end_is_good_up_to_there(self) -> None:
        data = refusal("datalist event", *LIST, " Error!", "Invalid command or fail to excute.", "Usage:")
        assert [event.number for event in records(data)] == [0, 1, 2]

    @pytest.mark.parametrize(
        ("old", "new"),
        [("Info    : Ch", "Info    : \x96"), ("Index   : 2", "Index   : x"), ("Code    : 3", "Code    : \xb1")],
    )
    def test_a_damaged_entry_is_left_out(self, old: str, new: str) -> None:
        data = framed("log", LOG).replace(old.encode(), new.encode("latin-1"))
        assert [event.number for event in records(data)] == [1]

    def test_an_answer_that_is_cut_is_refused(self) -> None:
        with pytest.raises(FrameError):
            records(framed("log", LOG)[:-1])
