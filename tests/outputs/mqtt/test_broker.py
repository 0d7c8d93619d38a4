"""The connection to the broker: found, refused, lost, found again."""

import logging
import signal
import socket
import subprocess
import sys
from contextlib import closing
from functools import partial
from itertools import pairwise

import pytest
from tests.brokers import LONGEST_PAUSE_S, free_port, move
from tests.outputs.banks import snapshot
from tests.waiting import LONGEST_S, until

from pylon2mqtt.outputs.mqtt.broker import FAREWELL_S, GOODBYE_S, GREETING_S, OPENING_S, Broker, paho_client
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.outputs.mqtt.output import Mqtt

broker_test = pytest.mark.broker


@pytest.fixture(autouse=True)
def _log_level(caplog):
    caplog.set_level(logging.DEBUG)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def infos(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


@pytest.fixture
def heard(mqtt):
    """Publish a snapshot until the log says that the broker is there."""

    def _heard(caplog, output):
        output.publish(snapshot())
        until(lambda: any("Connected" in line for line in infos(caplog)), turn=output.refresh)

    return _heard


def tries(output, caplog, words, times):
    """Let the output try to connect so often; each try ends with these words in the log."""
    until(lambda: words in caplog.text, turn=output.refresh)
    while (count := caplog.text.count(words)) < times:
        move(output, LONGEST_PAUSE_S)
        until(partial(said_more_often, caplog, words, count), turn=output.refresh)


def said_more_often(caplog, words, count):
    return caplog.text.count(words) > count


@broker_test
def test_speaks_mqtt_5(mosquitto, mqtt, heard, caplog):
    broker = mosquitto().start()
    heard(caplog, mqtt(broker.port))
    assert infos(caplog) == [f"Connected to the MQTT broker at 127.0.0.1:{broker.port} (MQTT 5)"]
    assert warnings(caplog) == []


@broker_test
def test_user_and_password(mosquitto, mqtt, listen, heard, caplog, tmp_path):
    passwords(tmp_path, "secret-1")
    broker = mosquitto("allow_anonymous false", f"password_file {tmp_path}/passwords").start()
    heard(caplog, mqtt(broker.port, username="anna", password="secret-1"))
    assert "secret-1" not in caplog.text


@broker_test
def test_wrong_password_is_told_once_and_accepted_when_it_is_right(mosquitto, mqtt, heard, caplog, tmp_path):
    passwords(tmp_path, "another")
    broker = mosquitto("allow_anonymous false", f"password_file {tmp_path}/passwords").start()
    output = mqtt(broker.port, username="anna", password="secret-2")
    tries(output, caplog, "refuses the user name or the password", 3)
    assert len(warnings(caplog)) == 1
    assert "correct `username` and `password`" in warnings(caplog)[0]
    passwords(tmp_path, "secret-2")
    broker.signal(signal.SIGHUP)
    until(lambda: "Reloading config" in broker.log)
    move(output, LONGEST_PAUSE_S)
    heard(caplog, output)
    assert "Connected again after" in infos(caplog)[0]
    assert "secret-2" not in caplog.text


def passwords(folder, password):
    file = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", file, "anna", password], check=True, capture_output=True)


@broker_test
def test_broker_that_is_absent_at_the_start(mosquitto, mqtt, heard, caplog):
    broker = mosquitto()
    output = mqtt(broker.port)
    tries(output, caplog, "refuses the connection", 3)
    assert len(warnings(caplog)) == 1
    assert "check that the broker runs" in warnings(caplog)[0]
    broker.start()
    move(output, LONGEST_PAUSE_S)
    heard(caplog, output)
    assert infos(caplog)[0].startswith("Connected again after 4 tries")


@broker_test
def test_broker_that_restarts(mosquitto, mqtt, heard, caplog):
    broker = mosquitto().start()
    output = mqtt(broker.port)
    heard(caplog, output)
    caplog.clear()
    broker.stop()
    until(lambda: "has closed the connection" in caplog.text, turn=output.refresh)
    move(output, LONGEST_PAUSE_S)
    until(lambda: "refuses the connection" in caplog.text, turn=output.refresh)
    broker.start()
    move(output, LONGEST_PAUSE_S)
    heard(caplog, output)
    assert [", or it broke" in line for line in warnings(caplog)] == [False, False]


@broker_test
def test_last_will_is_heard_when_the_bridge_dies(mosquitto, listen):
    broker = mosquitto().start()
    listener = listen(broker.port)
    code = (
        "import sys, time; from pylon2mqtt.outputs.mqtt.output import Mqtt, MqttOptions\n"
        "output = Mqtt(options=MqttOptions(host='127.0.0.1', port=int(sys.argv[1]))); output.open()\n"
        "while True: output.refresh(); time.sleep(0.01)\n"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", code, str(broker.port)]) as bridge:
        until(lambda: listener.retained.get("pylon2mqtt/status") == "online")
        bridge.send_signal(signal.SIGKILL)
    until(lambda: listener.retained["pylon2mqtt/status"] == "offline")


@broker_test
def test_close_does_not_wait_for_a_broker_that_hangs(mosquitto, mqtt, heard, caplog):
    broker = mosquitto().start()
    output = mqtt(broker.port)
    heard(caplog, output)
    broker.signal(signal.SIGSTOP)
    output.publish(snapshot())
    output.close()
    assert FAREWELL_S + GOODBYE_S < 1


@broker_test
def test_close_while_still_connecting(mosquitto, mqtt, caplog):
    broker = mosquitto().start()
    broker.signal(signal.SIGSTOP)
    output = mqtt(broker.port)
    output.publish(snapshot())
    output.close()
    assert infos(caplog) == []


@broker_test
def test_broker_that_hangs_is_given_up_and_tried_again(mosquitto, mqtt, heard, caplog):
    broker = mosquitto().start()
    broker.signal(signal.SIGSTOP)
    output = mqtt(broker.port)
    until(lambda: "does not greet" in caplog.text, turn=partial(move, output, OPENING_S + GREETING_S))
    broker.signal(signal.SIGCONT)
    move(output, LONGEST_PAUSE_S)
    heard(caplog, output)


@broker_test
def test_two_bridges_of_one_name_are_told_so(mosquitto, mqtt, heard, caplog):
    broker = mosquitto().start()
    first = mqtt(broker.port)
    heard(caplog, first)
    second = mqtt(broker.port)
    until(lambda: "another pylon2mqtt with the same" in caplog.text, turn=lambda: (first.refresh(), second.refresh()))


# TLS


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A CA, and certificates for 127.0.0.1 and a client, valid for a day."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    def key_and(name, *arguments):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        openssl("req", "-x509", "-days", "1", *key, "-subj", f"/CN={name}", "-out", f"{name}.crt", *arguments)

    key_and("ca")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key")
    leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
    key_and("server", *signed, *leaf, "-addext", "subjectAltName=IP:127.0.0.1")
    key_and("client", *signed, *leaf)
    return folder


@pytest.fixture
def tls_broker(mosquitto, certificates):
    def make(*lines):
        files = (
            f"cafile {certificates}/ca.crt",
            f"certfile {certificates}/server.crt",
            f"keyfile {certificates}/server.key",
        )
        return mosquitto("allow_anonymous true", *files, *lines).start()

    return make


@broker_test
def test_tls_with_a_ca(tls_broker, certificates, mqtt, heard, caplog):
    heard(caplog, mqtt(tls_broker().port, tls=True, ca=str(certificates / "ca.crt")))
    assert warnings(caplog) == []


# paho leaves a socket whose handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@broker_test
def test_tls_without_the_ca_is_not_trusted(tls_broker, mqtt, caplog):
    output = mqtt(tls_broker().port, tls=True)
    until(lambda: warnings(caplog), turn=output.refresh)
    assert "has a TLS certificate that is not trusted" in warnings(caplog)[0]
    assert "give the file of its authority as `ca`" in warnings(caplog)[0]


@broker_test
def test_tls_insecure(tls_broker, mqtt, heard, caplog):
    heard(caplog, mqtt(tls_broker().port, tls=True, insecure=True))
    assert warnings(caplog) == []


@broker_test
def test_tls_with_a_client_certificate(tls_broker, certificates, mqtt, heard, caplog):
    broker = tls_broker("require_certificate true")
    ca = str(certificates / "ca.crt")
    without = mqtt(broker.port, tls=True, ca=ca)
    until(lambda: warnings(caplog), turn=without.refresh)
    assert "a client certificate" in warnings(caplog)[0]
    certificate, key = str(certificates / "client.crt"), str(certificates / "client.key")
    heard(caplog, mqtt(broker.port, tls=True, ca=ca, certificate=certificate, key=key))


@broker_test
def test_tls_port_without_tls(tls_broker, mqtt, caplog):
    output = mqtt(tls_broker().port)
    until(lambda: warnings(caplog), turn=output.refresh)
    assert "check whether this port expects TLS" in warnings(caplog)[0]


def test_missing_ca_file(mqtt, caplog):
    output = mqtt(1, tls=True, ca="/nowhere/ca.crt")
    until(lambda: warnings(caplog), turn=output.refresh)
    assert "a certificate's file is missing: check `ca`" in warnings(caplog)[0]


# MQTT 3.1.1


class OldBroker:
    """Accepts MQTT 3.1.1; to MQTT 5 it answers ``refusal`` and closes the line."""

    def __init__(self, refusal):
        self.refusal, self.versions = refusal, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.01)
        self.port = self.server.getsockname()[1]
        self.clients = []

    def serve(self):
        try:
            client, _ = self.server.accept()
        except TimeoutError:
            return
        client.settimeout(LONGEST_S)
        version = client.recv(1000)[8]
        self.versions.append(version)
        if version == 4:
            client.sendall(bytes.fromhex("20020000"))
            self.clients.append(client)
        else:
            client.sendall(self.refusal)
            client.close()

    def close(self):
        for each in (self.server, *self.clients):
            each.close()


@pytest.mark.parametrize(
    "refusal", [bytes.fromhex("20020001"), bytes.fromhex("2003008400"), b""], ids=["v3", "v5", "closed"]
)
def test_falls_back_to_mqtt_311_and_stays_there(mqtt, heard, caplog, refusal):
    with closing(OldBroker(refusal)) as broker:
        output = mqtt(broker.port)
        until(lambda: infos(caplog), turn=lambda: (broker.serve(), output.refresh()))
        assert infos(caplog) == [f"Connected to the MQTT broker at 127.0.0.1:{broker.port} (MQTT 3.1.1)"]
        broker.clients.pop().close()
        until(lambda: warnings(caplog), turn=output.refresh)
        move(output, LONGEST_PAUSE_S)
        until(lambda: len(broker.versions) > 2, turn=lambda: (broker.serve(), output.refresh()))
        assert broker.versions == [5, 4, 4]


def test_falls_back_for_amqtt(mqtt, heard, caplog, tmp_path):
    port = free_port()
    code = (
        "import asyncio, sys; from amqtt.broker import Broker\n"
        "config = {'listeners': {'default': {'type': 'tcp', 'bind': f'127.0.0.1:{sys.argv[1]}'}},\n"
        "          'plugins': {'amqtt.plugins.authentication.AnonymousAuthPlugin': {'allow_anonymous': True}}}\n"
        "async def main():\n"
        "    broker = Broker(config); await broker.start(); await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with (tmp_path / "log").open("wb") as log:
        broker = subprocess.Popen([sys.executable, "-c", code, str(port)], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port))
        output = mqtt(port)
        until(lambda: mqtt.tries(output) == 2, turn=partial(move, output, OPENING_S + GREETING_S))
        heard(caplog, output)
        assert "(MQTT 3.1.1)" in infos(caplog)[0]
    finally:
        output.close()
        broker.terminate()
        broker.wait(LONGEST_S)


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Words


@pytest.mark.parametrize("host", ["no-such-host.invalid", "..", "x" * 70])
def test_unknown_host(mqtt, caplog, host):
    output = mqtt(1883, host=host)
    until(lambda: warnings(caplog), turn=output.refresh)
    assert "cannot be found" in warnings(caplog)[0]
    assert "check `host`" in warnings(caplog)[0] or "is no host name" in warnings(caplog)[0]


def test_the_password_is_in_no_representation():
    assert "secret" not in repr(Mqtt(options=MqttOptions(host="h", password="secret")))


def test_pauses_grow_from_a_second_to_a_minute():
    now, tries = 0.0, []

    def client(*arguments):
        tries.append(now)
        return paho_client(*arguments)

    nowhere = MqttOptions(host="")  # paho refuses it at once.
    broker = Broker(lambda: nowhere, client_id="c", will="w", clock=lambda: now, client_factory=client)
    for second in range(300):
        now = float(second)
        list(broker.events())
    assert [later - earlier for earlier, later in pairwise(tries)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
