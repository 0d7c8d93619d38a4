"""The broker of the demo takes clients of MQTT 3.1.1 and makes no noise."""

import socket
import threading
import warnings
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.waiting import LONGEST_S

from pylon2mqtt.errors import TransportError
from pylon2mqtt.simulator.broker import DemoBroker


@contextmanager
def serving():
    broker, stop, ready = DemoBroker(), threading.Event(), threading.Event()
    thread = threading.Thread(target=broker.serve, args=(stop.is_set, ready.set), daemon=True)
    thread.start()
    assert ready.wait(LONGEST_S)
    try:
        yield broker
    finally:
        stop.set()
        thread.join(LONGEST_S)
        assert not thread.is_alive()


def test_what_is_published_is_kept_and_passed_on(caplog):
    with warnings.catch_warnings(), serving() as broker:
        warnings.simplefilter("error")
        heard, connected, arrived = [], threading.Event(), threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        client.on_connect = lambda *_: connected.set()

        def on_message(_client, _data, message):
            heard.append((message.topic, message.payload, message.retain))
            arrived.set()

        client.on_message = on_message
        client.connect("127.0.0.1", broker.port, keepalive=10)
        client.loop_start()
        assert connected.wait(LONGEST_S)
        client.publish("pylon2mqtt/status", "online", qos=1, retain=True).wait_for_publish(LONGEST_S)
        client.subscribe("pylon2mqtt/#", qos=1)
        assert arrived.wait(LONGEST_S)
        client.disconnect()
        client.loop_stop()
    assert heard == [("pylon2mqtt/status", b"online", True)]
    assert [record for record in caplog.records if record.name.startswith(("amqtt", "transitions"))] == []


@pytest.mark.parametrize("with_will", [False, True])
def test_clients_of_mqtt_5_are_told_at_once(with_will):
    with serving() as broker:
        refused, reasons = threading.Event(), []

        def on_connect(_client, _data, _flags, reason, _properties):
            reasons.append(reason.getName())
            refused.set()

        client = mqtt.Client(CallbackAPIVersion.VERSION2, "five", protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        if with_will:
            client.will_set("pylon2mqtt/status", "offline", qos=1, retain=True)
            client.username_pw_set("name", "secret")
        client.on_connect = on_connect
        client.connect("127.0.0.1", broker.port, keepalive=10)
        client.loop_start()
        assert refused.wait(LONGEST_S)
        client.loop_stop()
    assert reasons == ["Unsupported protocol version"]


def test_a_lost_client_is_replaced_by_its_will():
    with serving() as broker:
        heard, subscribed, accepted, arrived = [], threading.Event(), threading.Event(), threading.Event()
        listener = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        listener.on_subscribe = lambda *_: subscribed.set()

        def on_connect(*_):
            listener.subscribe("pylon2mqtt/#", qos=1)

        def on_message(_client, _data, message):
            heard.append((message.topic, message.payload))
            arrived.set()

        listener.on_connect = on_connect
        listener.on_message = on_message
        listener.connect("127.0.0.1", broker.port, keepalive=10)
        listener.loop_start()
        assert subscribed.wait(LONGEST_S)
        dying = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False)
        dying.will_set("pylon2mqtt/status", "offline", qos=1, retain=True)
        dying.username_pw_set("anybody", "is let in")
        dying.on_connect = lambda *_: accepted.set()
        dying.connect("127.0.0.1", broker.port, keepalive=10)
        dying.loop_start()
        assert accepted.wait(LONGEST_S)
        end = dying.socket()
        assert isinstance(end, socket.socket)
        end.shutdown(socket.SHUT_RDWR)
        dying.loop_stop()
        assert arrived.wait(LONGEST_S)
        listener.disconnect()
        listener.loop_stop()
    assert heard == [("pylon2mqtt/status", b"offline")]


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(TransportError, match="choose another"):
        DemoBroker(port=taken.getsockname()[1]).serve(lambda: True)
