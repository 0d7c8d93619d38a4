"""What the layouts of all dialects have in common, by itself."""

import pytest
from construct import Construct, ConstructError, FormatField, Int8ub, Int16sb, Int16ub, PrefixedArray, Struct

from pylon2mqtt.protocols.binary.values import Counted

OCTETS = b"\x03\x0c\xe4\xff\xfe\x00\x01\x02"


@pytest.mark.parametrize("number", [Int8ub, Int16ub, Int16sb])
@pytest.mark.parametrize("ready", [lambda layout: layout, Construct.compile], ids=["as written", "compiled"])
def test_counted_numbers_are_those_of_a_prefixed_array(number: FormatField, ready) -> None:
    ours = ready(Struct("numbers" / Counted(number), "next" / Int8ub)).parse(OCTETS)
    theirs = Struct("numbers" / PrefixedArray(Int8ub, number), "next" / Int8ub).parse(OCTETS)
    assert ([*ours.numbers], ours.next) == ([*theirs.numbers], theirs.next)


@pytest.mark.parametrize("octets", [b"", b"\x02", b"\x02\x0c\xe4\x0c"])
def test_fewer_numbers_than_are_counted_are_an_error_of_the_layout(octets: bytes) -> None:
    with pytest.raises(ConstructError):
        Counted(Int16ub).parse(octets)
