"""From the last byte of a cycle on the wire to the bank's state at a subscriber.

A virtual bank without delays, the app in a process of its own, a real mosquitto, and a subscriber here. The line rests
between the cycles, so that each message belongs to the cycle before it.
"""

import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from statistics import median

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from .bridge import STATE, hurried_bridge
from .rig import at_most, mosquitto, percentile, plain, show, subscriber, until
from .virtual import Passed, virtual_bank

MODULES = 8
BOUND_MS = 10.0
_POLL_S = 0.2
# A day in some minutes: something changes in every cycle, for an unchanged topic is not published again.
_SPEED = 600.0
# As long as a bank's state, as often as one is fair.
_HOP_TOPIC, _HOP_PAYLOAD, _HOP_EVERY_S = "hop", "x" * 1500, 0.05


def run(*, quick: bool) -> None:
    """Measure and print one table."""
    samples = 60 if quick else 600
    with (
        tempfile.TemporaryDirectory() as folder,
        mosquitto() as port,
        virtual_bank(f"pty:{folder}/battery", modules=MODULES, fast=True, speed=_SPEED) as bank,
        subscriber(port, STATE) as listener,
        hurried_bridge(bank.url, port, poll_interval_s=_POLL_S) as process,
    ):
        until(lambda: len(listener.arrivals) > 1, 30, "the first states", process)
        time.sleep(2)
        begin = time.monotonic()
        while len(listener.arrivals) < samples and time.monotonic() - begin < 3 * samples * _POLL_S:
            time.sleep(0.1)
        arrivals = [at for at, _ in listener.arrivals if at > begin]
        latencies = list(_latencies(bank.take(), arrivals))
        hops = list(_hops(port, len(latencies) // 2))
    show(
        f"latency: the last byte of {MODULES} modules on the wire -> the bank's state at a subscriber",
        [
            at_most("99 % of the messages", percentile(latencies, 99), BOUND_MS, "ms"),
            plain("median", median(latencies), "ms"),
            plain("the slowest", max(latencies), "ms"),
            plain("messages", len(latencies)),
            plain("of it a bare publisher, the broker and the subscriber: 99 %", percentile(hops, 99), "ms"),
            plain("  median", median(hops), "ms"),
        ],
    )


def _latencies(passed: list[Passed], arrivals: list[float]) -> Iterator[float]:
    """In milliseconds: each message since the last byte before it."""
    answered = sorted(one.answered_at for one in passed if one.answer_length)
    for arrival in arrivals:
        before = bisect_right(answered, arrival)
        if before:
            yield (arrival - answered[before - 1]) * 1000


def _hops(port: int, times: int) -> Iterator[float]:
    """In milliseconds: a message of a bare paho client, through the broker, to a subscriber."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    with subscriber(port, _HOP_TOPIC) as listener:
        for number in range(times):
            time.sleep(_HOP_EVERY_S)
            sent_at = time.monotonic()
            client.publish(_HOP_TOPIC, _HOP_PAYLOAD)
            until(lambda n=number: len(listener.arrivals) > n, 5, "the message")  # type: ignore[misc]
            yield (listener.arrivals[number][0] - sent_at) * 1000
    client.disconnect()
    client.loop_stop()
