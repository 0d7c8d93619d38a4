"""How the virtual console talks: echo, line ends, prompts, pager, modes, refusals, and its slow awakening."""

import pytest
from tests.simulator.console.console_host import PAGER, WAKE, Desk, lines_of, parsed

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.console.firmware import FIRMWARE


def test_a_table_byte_by_byte():
    told = Desk("US2000", 2).type("pwr\r")
    assert told.startswith("pwr\n\r@\r\r\nPower Volt   Curr   Tempr  Tlow   Thigh  Vlow   Vhigh  Base.St  Volt.St  ")
    assert "B.V.St   B.T.St  \r\r\n1     " in told
    absent = "8     -      -      -      -      -      -      -      Absent   -        -        -        -        "
    end = "-                    -        -       \r\n\rCommand completed successfully\r\n\r$$\r\n\rpylon>"
    assert told.endswith(absent + end)
    assert told.count("\r\r\n") == 9


@pytest.mark.parametrize("command", ["stat", "bat", "soh", "pwr 1", "getpwr"])
def test_tables_and_keys_end_their_lines_with_cr_cr_lf(command):
    told = Desk("US2000", 2).ask(command)
    assert told["at"] == "\r\r\n"
    assert told["body"].endswith("\r\n\r")
    lines = told["body"].removesuffix("\r\n\r").split("\r\r\n")
    assert len(lines) > 10
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(("command", "lines"), [("info", 17), ("time", 1)])
def test_listings_end_their_lines_with_cr_lf_cr(command, lines):
    told = Desk("US2000", 2).ask(command)
    assert told["at"] == "\r\n\r"
    assert told["body"].count("\r\n\r") == lines
    assert told["body"].replace("\r\n\r", "").isprintable()


@pytest.mark.parametrize("enter", ["\r", "\n"])
def test_cr_and_lf_are_enter(enter):
    desk = Desk("US2000", 1)
    assert desk.type(enter) == "\n\rpylon>"
    assert parsed(desk.type("time" + enter))["success"]
    assert desk.console.requests == [enter.encode(), b"time" + enter.encode()]


def test_crlf_is_two_enters():
    desk = Desk("US2000", 1)
    assert desk.type("\r\n") == "\n\rpylon>\n\rpylon>"
    told = desk.type("time\r\n")
    assert told.endswith("\n\rpylon>\n\rpylon>")
    assert parsed(told.removesuffix("\n\rpylon>"))["success"]


def test_what_is_typed_comes_back_character_by_character():
    desk = Desk("US2000", 1)
    assert [desk.type(character) for character in "time"] == ["t", "i", "m", "e"]
    assert desk.type("\r").startswith("\n\r@\r\n\rDs3231 2026-")
    assert desk.console.requests == [b"time\r"]
    assert (desk.type("so") + desk.type("h 1\r")).startswith("soh 1\n\r@\r\r\nPower   1\r\r\n")


def test_a_line_that_never_ends_is_cut():
    desk = Desk("US2000", 1)
    desk.type("x" * 500)
    assert desk.type("\r").count("x") == 128


@pytest.mark.parametrize(
    ("model", "prompt"), [("US2000", "pylon>"), ("US5000", "pylon>"), ("Pytes-4850P", "PYTES>"), ("Pytes-V5", "PYTES>")]
)
def test_prompts(model, prompt):
    assert Desk(model, 1).ask("pwr")["prompt"] == prompt


def test_login_debug_adds_commands_and_changes_the_prompt():
    desk = Desk("US3000C", 2)
    assert desk.type("pwrsys\r") == "pwrsys\n\r@\r\r\nUnknown command 'pwrsys' - try 'help'\r\n\r$$\r\n\rpylon>"
    assert desk.type("login debug\r") == (
        "login debug\n\r@\r\n\rCommand completed successfully\r\n\r$$\r\n\rpylon_debug>"
    )
    assert desk.lines("pwrsys")
    again = desk.ask("login debug")
    assert lines_of(again["body"])[:3] == ["Quit current mode", "Invalid command or fail to excute.", "Usage:"]
    assert (again["success"], again["prompt"]) == (None, "pylon_debug>")
    assert desk.ask("logout")["prompt"] == "pylon>"
    assert not desk.ask("pwrsys")["success"]
    assert not desk.ask("login guess")["success"]


def test_the_log_is_paged_three_by_three():
    desk = Desk("US5000", 1)
    told = desk.type("log\r")
    assert told.startswith("log\n\r@\r\n\r Index   : 31    \r\n\r Time    : 26-03-1")
    assert told.endswith(PAGER)
    assert "$$" not in told
    before = told.removesuffix(PAGER)
    assert before.count("Index") == 3
    third = before[before.index("\n\r Index   : 29") :]
    assert third.count("\n\r") == 1 + 5
    assert "\r\n" not in third
    for page in range(2, 12):
        told = desk.type("\r")
        assert told.startswith("\r\r" + " " * 50 + "\r\r\r\n\r Index   : ")
        assert told.endswith(PAGER if page < 11 else "$$\r\n\rpylon>")
    assert told.count("Index") == 2
    assert " Index   : 0     \r\n\r" in told
    assert told.endswith("\r\n\r\r\n\rCommand completed successfully\r\n\r$$\r\n\rpylon>")


def test_another_key_ends_the_pager_and_is_swallowed():
    desk = Desk("US2000", 1)
    assert desk.type("help\r").endswith("Remote command:\n\r" + PAGER)
    told = desk.type("time\r")
    assert told.startswith("\r\r" + " " * 50)
    swallowed, prompt, rest = told.partition("pylon>")
    assert swallowed.endswith("$$\r\n\r")
    assert "Unknown command 'ime' - try 'help'" in rest
    assert prompt
    assert desk.ask("time")["success"]
    assert desk.console.requests == [b"help\r", b"t", b"ime\r", b"time\r"]


def test_help_names_the_commands_of_the_firmware():
    desk = Desk("US2000", 1)
    first = desk.type("help\r")
    whole = first + desk.type("\r")
    assert whole.endswith("Command completed successfully\r\n\r$$\r\n\rpylon>")
    names = [line.split()[0] for line in lines_of(first)[3:-3]]
    assert names == sorted(KNOWN["US2000"].split())
    assert PAGER not in Desk("US3000C-B69.25", 1).type("help\r")


# console.md, section 3, and the refusals of section 2.
KNOWN = {
    "US2000": "pwr bat info stat soh getpwr log time data datalist login logout help",
    "US2000C": "pwr bat info stat soh getpwr log time data datalist login logout help",
    "US5000": "pwr bat info stat soh getpwr log time data datalist login logout help",
    "US5000-B69.26": "pwr bat info stat soh getpwr log time data datalist login logout help",
    "US3000C-B69.25": "pwr bat info stat getpwr log time data datalist euro login logout help",
    "US3000D": "pwr bat info stat datalist euro help",
    "Pytes-4850P": "pwr bat info stat soh log time data datalist login logout help",
    "Pytes-V5": "pwr bat info stat soh log time data datalist login logout help ver",
}
EVERYTHING = sorted({*" ".join(KNOWN.values()).split(), "pwrsys", "sysinfo", "unit", "bmuinfo", "foo"})


@pytest.mark.parametrize("model", KNOWN)
def test_what_a_firmware_does_not_have_it_does_not_know(model):
    for name in EVERYTHING:
        desk = Desk(model, 1)
        told = desk.type(f"{name}\r")
        assert (f"Unknown command '{name}' - try 'help'" in told) == (name not in KNOWN[model].split()), name


@pytest.mark.parametrize(
    ("model", "command", "says"),
    [
        ("US2000", "bat 9", "Invalid command or fail to excute."),
        ("US2000", "bat 2", "Invalid command or fail to excute."),
        ("US2000", "bat 1 15", "Invalid command or fail to excute."),
        ("US2000", "soh 1 2", "Invalid command or fail to excute."),
        ("US2000", "pwr 1 2 3", "Invalid command or fail to excute."),
        ("US2000", "stat 2", "Target device is not present"),
        ("US3000C-B69.25", "bat 9", "Command failed"),
        ("US3000C-B69.25", "stat 2", "Target device is not present"),
        ("US3000C-B69.25", "stat 17", "Invalid command or fail to excute."),
        ("US3000C-B69.25", "stat 0", "Invalid command or fail to excute."),
        ("US3000D", "info 1", "Invalid command or fail to excute."),
        ("US3000D", "stat 1", "Invalid command or fail to excute."),
        ("Pytes-V5", "stat 1", "Invalid command or fail to excute."),
        ("US2000", "data event 40", "Invalid command or fail to excute."),
        ("US2000", "data", "Invalid command or fail to excute."),
    ],
)
def test_refusals(model, command, says):
    told = Desk(model, 1).ask(command)
    assert told["success"] is None
    assert told["at"] == "\r\n\r"
    first, *usage = lines_of(told["body"])
    assert first == says
    assert len(usage) == 2 * ("Invalid" in says)
    assert usage[:1] == ["Usage:"] * ("Invalid" in says)


@pytest.mark.parametrize(
    "line",
    [
        "shut", "trst", "twdg", "tsleep", "tshut", "tchgcmd 1", "ctrl", "config", "prot", "save", "setprt 2", "urates",
        "blocksoc", "totalcoul 50000", "socw 1", "soccal", "eepwr", "flash", "stflash", "md 0", "mm", "rtcw", "datac",
        "logc", "tbar X", "updata", "m2s", "time 26 11 20 12 0 0", "record clear", "datalist event clear", "eurostub",
        "cmudtesttime 26 1 1 0 0 0",
    ],
)  # fmt: skip
def test_what_changes_a_battery_is_refused_and_remembered(line):
    for model in ("US2000C", "US3000D"):
        desk = Desk(model, 1)
        assert desk.ask(line)["success"] is None
        assert desk.console.writes_seen == [line.encode()]


@pytest.mark.parametrize("line", ["time", "totalcoul", "socd 1", "trace", "stat", "datalist event", "data event", "x"])
def test_what_only_reads_is_no_write(line):
    desk = Desk("US2000C", 1)
    desk.type(line + "\r")
    assert desk.console.writes_seen == []


def test_success_of_a_us3000d_exclaims_where_it_was_seen_to():
    desk = Desk("US3000D", 1)
    exclaims = {command for command in ("pwr", "bat", "info", "stat", "euro", "help") if "!" in desk.ask(command)[0]}
    assert exclaims == {"stat", "euro"}


def test_a_us2000_sleeps_until_the_wake_frame():
    desk = Desk("US2000", 1, awake=False)
    assert desk.console.baudrate == 1200
    assert [desk.type(line) for line in ("\r", "pwr\r", "pylon", "\r", "~20014682C0048520FCC4\r")] == [""] * 5
    assert desk.console.baudrate == 1200
    assert desk.type(WAKE.decode()) == ""
    assert desk.console.baudrate is None
    assert desk.type("\r\n") == "\n\rpylon>\n\rpylon>"
    desk.type("login debug\r")
    desk.type("pw")
    desk.console.power_cut()
    assert desk.console.baudrate == 1200
    assert desk.type("\r") == ""
    desk.type(WAKE.decode())
    assert desk.type("\r") == "\n\rpylon>"


@pytest.mark.parametrize("model", [name for name in FIRMWARE if name not in {"US2000", "US3000"}])
def test_others_are_awake_at_once_and_do_not_know_the_wake_frame(model):
    desk = Desk(model, 1, awake=False)
    assert desk.console.baudrate is None
    assert "Unknown command '~20014682C0048520FCC3'" in desk.type(WAKE.decode())
    desk.console.power_cut()
    assert desk.ask("pwr")["success"]


def test_what_cannot_be_a_console_is_refused():
    with pytest.raises(ConfigError, match="the console of the UP2500 is not known: choose from US2000, "):
        Desk("UP2500", 1)
    with pytest.raises(ConfigError, match="the console of the US2000 has 8 slots: ask for fewer modules"):
        Desk("US2000", 9)
    assert len(Desk("US3000C", 16).pwr()) == 16
