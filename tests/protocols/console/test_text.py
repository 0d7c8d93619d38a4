"""The text console's frame: echo, @, pager, success, $$ and prompt, and what bad lines make of them."""

import pytest
from tests.protocols.console.test_answers import answer, framed, refusal

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.protocols.console.answers import decode_answer
from pylon2mqtt.protocols.console.text import Refusal, echoed, ends, pager_waits, parse, prompt_of, read

GOOD = framed("stat", ["one : 1", "two : 2"])
PAGER = "Press [Enter] to be continued,other key to exit"
WIPED = "\r\r" + " " * 50 + "\r\r\r\n"


class TestLines:
    @pytest.mark.parametrize("ending", ["\r\r\n", "\r\n\r", "\n\r", "\r\n", "\n", "\r", "\n\n\n", "\r\r\r\n \r\n"])
    def test_pitfall_35_any_mix_of_cr_and_lf_ends_a_line(self, ending: str) -> None:
        text = ending.join(["stat", "@", "", "one : 1", "two : 2", "Command completed successfully", "$$", "pylon>"])
        assert parse(text.encode(), "stat").lines == ("one : 1", "two : 2")

    @pytest.mark.parametrize(
        "echo",
        [
            "stat",
            "stat\nstat",
            "pylon>stat",
            "pylon>\npylon>stat",
            "pylon_debug> stat",
            "sxat",
            "8\xf8stat",
            "",
            "????",
            "pylon>pylon>stat",
        ],
    )
    def test_pitfall_29_the_echo_proves_nothing(self, echo: str) -> None:
        text = f"{echo}\n@\none : 1\ntwo : 2\nCommand completed successfully\n$$\npylon>"
        assert parse(text.encode("latin-1"), "stat").lines == ("one : 1", "two : 2")

    @pytest.mark.parametrize("at", ["@", "", "\xc0"])
    def test_the_at_may_be_unreadable(self, at: str) -> None:
        text = f"pylon>stat\n{at}\none : 1\nCommand completed successfully\n$$\npylon>"
        lines = parse(text.encode("latin-1"), "stat").lines
        assert (lines[-1], lines[:-1]) == ("one : 1", ("\ufffd",) if at == "\xc0" else ())

    def test_a_doubled_echo_without_the_at_is_no_line(self) -> None:
        text = "stat\nstat\none : 1\nCommand completed successfully\n$$\npylon>"
        assert parse(text.encode(), "stat").lines == ("one : 1",)

    def test_pitfall_44_an_echo_of_another_module_is_not_ours(self) -> None:
        with pytest.raises(FrameError, match="'bat 3' answered"):
            parse(framed("bat 3", ["one : 1"]), "bat 2")

    def test_of_two_answers_the_last_counts(self) -> None:
        first = framed("stat", ["one : 0"])
        assert parse(first + GOOD, "stat").lines == ("one : 1", "two : 2")

    def test_pitfall_45_prompts_in_front_are_skipped(self) -> None:
        assert parse(b"\n\rpylon>\n\rpylon>" + GOOD, "stat").lines == ("one : 1", "two : 2")

    def test_an_earlier_answer_without_its_end_is_left_out(self) -> None:
        first = GOOD.replace(b"$$\r\n\r", b"")
        last = framed("stat", ["three : 3"])
        assert parse(first + last, "stat").lines == ("three : 3",)
        assert parse(first + last.replace(b"@", b""), "stat").lines == ("three : 3",)


class TestEnd:
    @pytest.mark.parametrize("prompt", ["pylon", "pylon_debug", "PYTES", "PYTES_debug", "any_word", "pylo_dbu"])
    def test_pitfall_30_any_word_is_a_prompt(self, prompt: str) -> None:
        data = framed("stat", ["one : 1"], prompt=prompt)
        assert (ends(data), prompt_of(data), parse(data, "stat").prompt) == (True, prompt, prompt)

    def test_a_bare_prompt_is_no_end(self) -> None:
        assert (ends(b"\n\rpylon>"), prompt_of(b"\n\rpylon>")) == (False, "pylon")

    def test_no_part_of_an_answer_ends(self) -> None:
        assert not any(ends(GOOD[:end]) for end in range(len(GOOD)))

    def test_noise_behind_the_prompt_is_not_an_end(self) -> None:
        assert not ends(GOOD + b"x")

    def test_dollars_within_a_line_are_no_end(self) -> None:
        header = "Battery    Voltage    M-H$$\r\npylon>"
        assert not ends(header.encode())

    @pytest.mark.parametrize("lost", [b"$$\r\n\r", b"pylon>", b"$", b">"])
    def test_without_dollars_or_prompt_it_is_refused(self, lost: bytes) -> None:
        with pytest.raises(FrameError, match="ask again"):
            parse(GOOD.replace(lost, b""), "stat")


class TestSuccess:
    def test_pitfall_31_with_an_exclamation_mark(self) -> None:
        assert parse(framed("stat", ["one : 1"], done="successfully!"), "stat").ok

    def test_pitfall_31_unccessfully_is_a_failure(self) -> None:
        with pytest.raises(DeviceError) as caught:
            parse(framed("bmuinfo 4", ["one : 1"], done="unccessfully"), "bmuinfo 4")
        assert caught.value.code == Refusal.FAILED

    def test_without_a_success_line_it_is_refused(self) -> None:
        with pytest.raises(FrameError, match="no success line"):
            parse(framed("stat", ["one : 1"], done=""), "stat")

    def test_a_damaged_success_line_is_none(self) -> None:
        with pytest.raises(FrameError):
            parse(GOOD.replace(b"completed", b"complted"), "stat")


class TestRefusals:
    @pytest.mark.parametrize(
        ("command", "line", "code"),
        [
            ("soh 1", "Unknown command 'soh' - try 'help'", Refusal.UNKNOWN_COMMAND),
            ("bat 20", "Invalid command or fail to excute.", Refusal.BAD_ARGUMENTS),
            ("stat 1", "Invalid command or fail to excute!", Refusal.BAD_ARGUMENTS),
            ("bat 9", "Command failed", Refusal.FAILED),
            ("stat 9", "Target device is not present", Refusal.NOT_PRESENT),
            ("soh 3", "This version do not support this command!", Refusal.NOT_SUPPORTED),
        ],
    )
    def test_pitfall_39_every_refusal_has_its_code(self, command: str, line: str, code: Refusal) -> None:
        with pytest.raises(DeviceError, match=f"refused {command}") as caught:
            decode_answer(command, refusal(command, line, "Usage:", "soh [addr]"))
        assert caught.value.code == code

    def test_pitfall_38_a_module_number_that_is_refused_is_no_unknown_command(self) -> None:
        with pytest.raises(DeviceError) as caught:
            decode_answer("info 2", refusal("info 2", "Invalid command or fail to excute.", "Usage:", "info"))
        assert caught.value.code == Refusal.BAD_ARGUMENTS

    def test_what_the_battery_did_not_hear_right_is_not_learnt(self) -> None:
        with pytest.raises(FrameError, match="did not hear 'soh'"):
            parse(refusal("soh", "Unknown command 'sh' - try 'help'"), "soh")

    def test_login_while_debug_is_refused(self) -> None:
        with pytest.raises(DeviceError):
            parse(refusal("login debug", "Quit current mode", "Invalid command or fail to excute."), "login debug")

    def test_rows_before_a_refusal_can_be_had(self) -> None:
        data = refusal("datalist event", "0  31-05-06 07:08:09  51312 Normal", " Error!", "Invalid command or fail to")
        assert read(data, "datalist event").lines[0].startswith("0 ")
        assert read(data, "datalist event").refusal is Refusal.BAD_ARGUMENTS


class TestPager:
    def test_pitfall_32_it_is_seen_waiting(self) -> None:
        assert pager_waits(f"log\n\r@\r\none : 1\n\r{PAGER}\r".encode())
        assert not ends(f"log\n\r@\r\none : 1\n\r{PAGER}\r".encode())

    def test_pitfall_32_it_is_not_seen_behind_its_erasing(self) -> None:
        assert not pager_waits(f"one : 1\n\r{PAGER}{WIPED}two : 2".encode())

    @pytest.mark.parametrize("wiped", [WIPED, "\r\r\n\r" + " " * 50 + "\r"])
    def test_pitfall_32_the_prompt_and_its_erasing_leave_no_line(self, wiped: str) -> None:
        data = framed("log", [f"one : 1\r\n\r{PAGER}{wiped}two : 2"])
        assert parse(data, "log").lines == ("one : 1", "two : 2")


def sprinkled(data: bytes, noise: bytes, every: int) -> bytes:
    return b"".join(data[i : i + every] + noise for i in range(0, len(data), every))


class TestStrangeBytes:
    @pytest.mark.parametrize("telnet", [b"\xff\xfb\x01", b"\xff\xfd\x03", b"\xff\xf1", b"\xff\xfa\x18\x00\xff\xf0"])
    def test_pitfall_46_telnet_commands_are_taken_out(self, telnet: bytes) -> None:
        whole = answer("bat 2")
        assert decode_answer("bat 2", telnet + sprinkled(whole, telnet, 7)) == decode_answer("bat 2", whole)

    @pytest.mark.parametrize("noise", [b"\xff", b"\0", b"\0\0", b"\xff\xff"])
    def test_pitfall_46_bytes_that_a_bridge_inserts_everywhere_are_taken_out(self, noise: bytes) -> None:
        whole = answer("pwr")
        assert decode_answer("pwr", sprinkled(whole, noise, 5)) == decode_answer("pwr", whole)

    @pytest.mark.parametrize("noise", [b"\xff", b"\0"])
    def test_one_in_place_of_a_digit_is_damage(self, noise: bytes) -> None:
        whole = answer("pwr")
        with pytest.raises(FrameError, match="damaged row"):
            decode_answer("pwr", whole.replace(b"4210", b"4" + noise + b"10", 1))

    @pytest.mark.parametrize("noise", [b"\xff", b"\0"])
    def test_one_between_words_is_not(self, noise: bytes) -> None:
        whole = answer("pwr")
        assert decode_answer("pwr", whole.replace(b"  4210", b" " + noise + b" 4210")) == decode_answer("pwr", whole)

    def test_pitfall_47_other_bytes_do_not_crash(self) -> None:
        whole = answer("pwr")
        assert decode_answer("pwr", b"8\xf8" + whole) == decode_answer("pwr", whole)
        with pytest.raises(FrameError):
            decode_answer("pwr", whole.replace(b"4210", b"42\xb10", 1))

    def test_the_end_is_seen_through_them(self) -> None:
        assert ends(sprinkled(GOOD, b"\xff", 3))
        assert ends(sprinkled(GOOD, b"\0", 2))


class TestEchoed:
    @pytest.mark.parametrize("command", ["pwr", "bat 2", "stat detail", "data event 3"])
    def test_it_tells_what_was_asked(self, command: str) -> None:
        assert echoed(framed(command, ["one : 1"])) == command
        assert echoed(b"\n\rpylon>" + framed(command, ["one : 1"])) == command

    @pytest.mark.parametrize("data", [b"", b"\n\rpylon>", GOOD[4:], b"\xff\xfe", b"Power Volt\n1 2"])
    def test_it_is_none_where_nobody_can_tell(self, data: bytes) -> None:
        assert echoed(data) is None
