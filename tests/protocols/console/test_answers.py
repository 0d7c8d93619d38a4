"""One answer of the text console, from its bytes to the model; and every way to damage it."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError
from pylon2mqtt.model import Bank, Event, Module
from pylon2mqtt.protocols.console.answers import decode_answer, decode_recording, read_answer

STATES = "Normal   Normal   Normal  "
HEADER_A = (
    "Power Volt   Curr   Tempr  Tlow   Thigh  Vlow   Vhigh  Base.St  Volt.St  Curr.St  Temp.St  Coulomb  "
    "Time                 B.V.St   B.T.St  "
)
ABSENT = (
    "-      -      -      -      -      -      -      Absent   -        -        -        -        -        -        -"
)
PWR_ROW = (
    "{slot:<6}51312  4210   22000  19000  20000  3419   3423   Charge   "
    + STATES
    + " 64%      2031-05-06 07:08:09  Normal   Normal  "
)


def framed(command: str, lines: Iterable[str], *, prompt: str = "pylon", done: str = "successfully") -> bytes:
    """An answer as the battery sends it: echo, @, lines, success, $$ and prompt."""
    body = "".join(f"{line}\r\r\n" for line in lines)
    success = f"\n\rCommand completed {done}\r\n\r" if done else "\n\r"
    return f"{command}\n\r@\r\r\n{body.removesuffix(chr(10))}{success}$$\r\n\r{prompt}>".encode()


def refusal(command: str, *lines: str) -> bytes:
    return framed(command, lines, done="")


def only(command: str, lines: Iterable[str]) -> Module:
    """The one module that an answer tells of."""
    (module,) = decode_answer(command, framed(command, lines)).modules
    return module


def pwr_lines() -> list[str]:
    return [HEADER_A, PWR_ROW.format(slot=1), PWR_ROW.format(slot=2), f"3     {ABSENT}"]


CELL_STATES = "Base State   Volt. State  Curr. State  Temp. State  "
BAT_LINES = [
    f"Battery  Volt     Curr     Tempr    {CELL_STATES}SOC          Coulomb      BAL         ",
    *(
        f"{cell:<9}{3400 + cell:<9}4210     21300    Charge       Normal       Normal       Normal       61%         "
        f"30511 mAH      {'NY'[cell == 3]}"
        for cell in range(15)
    ),
]
INFO_LINES = [
    "Device address      : 2",
    "Manufacturer        : Pylon",
    "Device name         : US2000C",
    "Board version       : V10R04",
    "Main Soft version   : B69.7.1",
    "Soft  version       : V1.9",
    "Barcode             : K210987C12340567",
    "",
    "Specification       : 48V/50AH",
    "Cell Number         : 15",
    "Max Dischg Curr     : -90000mA",
    "Max Charge Curr     : 91000mA",
]
STAT_LINES = [
    "Device address           2",
    "Charge Times    :     9123",
    "Bat OV Times    :        3",
    "SOH Times       :        0",
    "CYCLE Times     :      311",
    "SOH             :       91",
    "Pwr Percent     :       61",
    "Pwr Coulomb     : 109839600",
    "Dsg Cap         : 15577000",
]
POWER_LINES = [
    " ----------------------------",
    " Power  2",
    " Voltage         : 51312       mV",
    " Current         : -4210       mA",
    " Temperature     : 22000       mC",
    " Coulomb         : 64          %",
    " Total Coulomb   : 50000       mAH",
    " Basic Status    : Dischg  ",
    " Volt Status     : Normal  ",
    " Current Status  : Normal  ",
    " Tmpr. Status    : Normal  ",
    " Coul. Status    : Normal  ",
    " Bat Events      : 0x0        ",
    " Power Events    : 0x0        ",
    " System Fault    : 0x0        ",
    " ----------------------------",
]
SOH_LINES = [
    "Power   2",
    "Battery    Voltage    SOHCount   SOHStatus ",
    *(f"{cell:<11}{3400 + cell:<11}{cell % 2 * 4:<11}Normal    " for cell in range(15)),
]
SYSTEM_LINES = [
    " Power System Information",
    " System is charging",
    " Total Num                : 3        ",
    " Present Num              : 2        ",
    " System Volt              : 51312    mV",
    " System Curr              : 8420     mA",
    " System RC                : 64123    mAH",
    " System FCC               : 100000   mAH",
    " System SOC               : 64       %",
    " System SOH               : 97       %",
    " Highest voltage          : 3423     mV",
    " Lowest voltage           : 3419     mV",
    " Highest temperature      : 20000    mC",
    " Lowest temperature       : 19000    mC",
    " Recommend chg voltage    : 53250    mV",
    " Recommend chg current    : 25000    mA",
    " system Recommend chg current : 50000    mA",
    " system Recommend dsg current : -50000   mA",
]
GETPWR_LINES = [
    "51345#   4210#  22000# 30511# Charge# Normal# Normal# Normal# ",
    *(f"34{23}#  19000# Normal# Normal# " for _ in range(15)),
    "0#",
    "311#",
]
EURO_LINES = ["Remain Cap. 1       :        71 Ah", "Chg. Energy Thro.   :      9876 Wh   54321 mWs"]

ANSWERS = {
    "pwr": pwr_lines(),
    "pwr 2": POWER_LINES,
    "bat 2": BAT_LINES,
    "info 2": INFO_LINES,
    "stat 2": STAT_LINES,
    "soh 2": SOH_LINES,
    "pwrsys": SYSTEM_LINES,
    "getpwr 2": GETPWR_LINES,
    "euro": EURO_LINES,
    "time": ["Ds3231 2031-05-06 07:08:09"],
}
every_answer = pytest.mark.parametrize("command", ANSWERS)


def answer(command: str) -> bytes:
    return framed(command, ANSWERS[command])


def told(command: str, data: bytes) -> Bank | None:
    """What the answer says, or None if it is refused."""
    try:
        return decode_answer(command, data)
    except ProtocolError:
        return None


class TestDamage:
    @every_answer
    def test_the_answer_is_good_as_long_as_it_is_whole(self, command: str) -> None:
        assert told(command, answer(command)) is not None

    @every_answer
    def test_cut_at_every_byte_it_is_refused(self, command: str) -> None:
        whole = answer(command)
        for end in range(len(whole)):
            with pytest.raises(FrameError):
                decode_answer(command, whole[:end])

    @every_answer
    def test_its_beginning_lost_it_says_the_same_or_nothing(self, command: str) -> None:
        whole = answer(command)
        body = whole.index(b"@") + 1
        for start in range(body):
            assert told(command, whole[start:]) in (told(command, whole), None)

    @pytest.mark.parametrize("command", ["pwr", "bat 2"])
    def test_pitfall_27_a_lost_row_is_not_closed_up(self, command: str) -> None:
        lines = ANSWERS[command]
        for lost in range(1, len(lines) - 1):
            with pytest.raises(FrameError):
                decode_answer(command, framed(command, lines[:lost] + lines[lost + 1 :]))

    @every_answer
    def test_pitfall_27_a_lost_last_row_shows_in_the_line_ends(self, command: str) -> None:
        whole = answer(command)
        last = ANSWERS[command][-1].encode()
        assert whole.count(last + b"\r\r\n\rCommand") == 1
        with pytest.raises(FrameError, match="last line"):
            decode_answer(command, whole.replace(last + b"\r\r\n\rCommand", b"Command"))

    def test_where_a_bridge_changes_the_line_ends_they_say_nothing(self) -> None:
        lines = BAT_LINES[:-1]
        for ends in (b"\n", b"\r\n", b"\r\r\n"):
            pasted = b"".join(line.encode() + ends for line in ("bat 2", "@", *lines))
            data = pasted + b"Command completed successfully" + ends + b"$$" + ends + b"pylon>"
            assert len(decode_answer("bat 2", data).modules[0].cells or ()) == 14

    @pytest.mark.parametrize("command", ["pwr", "bat 2"])
    def test_pitfall_27_swapped_rows_are_refused(self, command: str) -> None:
        header, first, second, *rest = ANSWERS[command]
        with pytest.raises(FrameError):
            decode_answer(command, framed(command, [header, second, first, *rest]))

    @pytest.mark.parametrize("command", ["pwr", "bat 2", "soh 2"])
    @pytest.mark.parametrize("noise", [b"\x96", b"\xfe\xfe", b"\x80"])
    def test_pitfall_27_noise_in_a_row_is_refused(self, command: str, noise: bytes) -> None:
        whole = answer(command)
        for at in range(whole.index(b"\n1  "), whole.index(b"\n2  ")):
            if whole[at : at + 1].isalnum():
                assert told(command, whole[:at] + noise + whole[at + 1 :]) is None, at

    @pytest.mark.parametrize("command", ["pwr", "bat 2"])
    def test_pitfall_27_a_row_never_shifts_when_a_character_is_lost(self, command: str) -> None:
        whole = answer(command)
        good = {value for module in decode_answer(command, whole).modules for value in values(module)}
        start, end = whole.index(b"\n1  "), whole.index(b"\n2  ")
        for at in range(start, end):
            bank = told(command, whole[:at] + whole[at + 1 :])
            for module in bank.modules if bank else ():
                assert len(set(values(module)) - good) <= 1, at  # a digit of one value is all that can be wrong

    @every_answer
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_whatever_byte_is_changed_only_a_protocol_error_comes(self, command: str, data: st.DataObject) -> None:
        whole = bytearray(answer(command))
        for _ in range(data.draw(st.integers(1, 6))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        assert is_plausible(told(command, bytes(whole)))

    @every_answer
    @given(noise=st.binary(max_size=400))
    def test_random_bytes_are_refused(self, command: str, noise: bytes) -> None:
        assert told(command, noise) is None
        framed_noise = command.encode() + b"\n\r@\r\r\n" + noise
        assert is_plausible(told(command, framed_noise + b"\r\n\rCommand completed successfully\r\n\r$$\r\n\rpylon>"))

    @every_answer
    @given(text=st.text(alphabet="PowerBatyVltCu 0123456789-:.%#xAbsn\n", max_size=300))
    def test_text_that_is_nearly_right_raises_only_protocol_errors(self, command: str, text: str) -> None:
        assert is_plausible(told(command, framed(command, [*ANSWERS[command][:2], *text.split("\n")])))


def is_plausible(bank: Bank | None) -> bool:
    """Whether it was refused, or no cell is where none can be."""
    cells = [cell for module in bank.modules for cell in module.cells or ()] if bank else []
    return all(0 <= (cell.voltage or 0) < 5 and -50 <= (cell.temperature or 0) <= 130 for cell in cells)


def values(module: Module) -> list[object]:
    cells = [v for c in module.cells or () for v in (c.voltage, c.current, c.temperature, c.soc, c.capacity)]
    own = (module.voltage, module.current, module.temperature, module.soc, module.cell_voltage_min)
    return [
        *own,
        module.cell_voltage_max,
        module.cell_temperature_min,
        module.cell_temperature_max,
        module.state,
        *cells,
    ]


class TestWhatIsAsked:
    def test_without_a_number_it_is_the_master(self) -> None:
        assert only("bat", BAT_LINES).number == 1

    def test_with_a_number_it_is_that_module(self) -> None:
        assert only("bat 7", BAT_LINES).number == 7

    @pytest.mark.parametrize("command", ["info 3", "stat 3", "soh 3", "pwr 3"])
    def test_the_answer_of_another_module_is_refused(self, command: str) -> None:
        lines = ANSWERS[command.replace("3", "2")]
        with pytest.raises(FrameError, match="2 answered"):
            decode_answer(command, framed(command, lines))

    @pytest.mark.parametrize("command", ["data history 3", "help", "login debug", "logout"])
    def test_some_answers_say_nothing_of_now(self, command: str) -> None:
        assert decode_answer(command, framed(command, ["Index : 3"])) == Bank()

    @pytest.mark.parametrize("command", ["log", "data event 3"])
    def test_what_was_is_an_event_and_no_state_of_now(self, command: str) -> None:
        assert decode_answer(command, framed(command, ["Index : 3"])) == Bank(events=(Event(number=3),))

    @pytest.mark.parametrize("command", ["ci", "socd 2", "pwr x", "bat 2 3", "unit 1", "tbar X1"])
    def test_a_question_that_is_not_read(self, command: str) -> None:
        with pytest.raises(DecodeError) as caught:
            decode_answer(command, framed(command, ["a : 1"]))
        assert caught.value.raw == framed(command, ["a : 1"])

    def test_pitfall_8_unit_on_a_low_voltage_console_is_a_refusal(self) -> None:
        with pytest.raises(DeviceError):
            decode_answer("unit", refusal("unit", "Unknown command 'unit' - try 'help'"))


class TestClock:
    @pytest.mark.parametrize(
        "line", ["Ds3231 2031-05-06 07:08:09", "PCF8563 2031-05-06 07:08:09", "2031-05-06 07:08:09"]
    )
    def test_pitfall_21_the_batterys_time_stands_beside_the_bank(self, line: str) -> None:
        told = read_answer("time", framed("time", [line, "Test result:pass"]))
        assert str(told.clocks[1]) == "2031-05-06 07:08:09"
        assert told.bank == Bank()

    def test_pitfall_21_each_module_has_its_own(self) -> None:
        lines = pwr_lines()
        lines[2] = lines[2].replace("2031-05-06 07:08:09", "2000-01-03 00:00:01")
        told = read_answer("pwr", framed("pwr", lines))
        assert {number: at.year for number, at in told.clocks.items()} == {1: 2031, 2: 2000}

    def test_without_a_time_it_is_refused(self) -> None:
        with pytest.raises(FrameError, match="no time"):
            decode_answer("time", framed("time", ["Test result:pass"]))

    def test_a_time_that_does_not_exist_is_none(self) -> None:
        assert read_answer("time", framed("time", ["RTC 2000-00-00 00:00:00"])).clocks == {}


class TestRecordings:
    @pytest.mark.parametrize("text", [b"", b"h", b"hel", b"help"])
    def test_a_piece_of_an_echo_is_no_answer(self, text: bytes) -> None:
        with pytest.raises(FrameError):
            decode_recording("help", text)

    def test_the_echo_tells_what_was_asked(self) -> None:
        assert decode_recording(None, answer("bat 2")) == decode_answer("bat 2", answer("bat 2"))

    def test_without_echo_and_request_it_says_what_is_missing(self) -> None:
        with pytest.raises(FrameError, match="--request"):
            decode_recording(None, answer("bat 2")[5:])

    @pytest.mark.parametrize("command", ["pwr", "bat 2", "info 2", "stat 2"])
    def test_a_table_cut_out_of_a_terminal_is_read(self, command: str) -> None:
        pasted = "\n".join(ANSWERS[command]).encode()
        assert decode_recording(command, pasted) == decode_answer(command, answer(command))
        with pytest.raises(FrameError):
            decode_answer(command, pasted)

    def test_what_is_wrong_with_a_whole_answer_is_said(self) -> None:
        with pytest.raises(FrameError, match="no success line"):
            decode_recording("bat 2", framed("bat 2", BAT_LINES, done=""))

    @every_answer
    def test_an_answer_that_is_cut_is_not_taken_for_one(self, command: str) -> None:
        whole = answer(command)
        for end in range(len(whole)):
            with pytest.raises(FrameError):
                decode_recording(command, whole[:end])
