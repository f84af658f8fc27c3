#!/usr/bin/env python3
"""Clients that do not behave: memory of the server stays bounded, and it goes on serving.

usage: test_abuse.py PLUGIN ASK

Each case speaks raw HTTP/2 on sockets of its own, and then a good client (ask bench) is served. What
the server holds is printed, and held against a bound.
"""
import os
import random
import resource
import socket
import sys
import time

import bed
import pb

sys.path.insert(0, os.path.join(bed.HERE, "..", ".."))
import tap  # noqa: E402  pylint: disable=wrong-import-position

PLUGIN, ASK = sys.argv[1:3]
PLACE = None
SERVER = None
SEED = int(os.environ.get("GPUSLICE_SEED", "7"))

DATA, HEADERS, RST, SETTINGS, PING, WINDOW = 0, 1, 3, 4, 6, 8
END_STREAM, END_HEADERS = 1, 4
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONNECTIONS_MAX = 64
SANITIZED = "sanitized" in sys.argv


def frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") +
            payload)


def call(stream, method, flags=END_HEADERS):
    fields = {":method": "POST", ":scheme": "http", "content-type": "application/grpc",
              ":path": "/v1beta1.DevicePlugin/" + method}
    block = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode()
                     for k, v in fields.items())
    return frame(HEADERS, flags, stream, block)


def message(body):
    return b"\0" + len(body).to_bytes(4, "big") + body


def connect(greet=True):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    for _ in range(100):
        try:
            made.connect(os.path.join(PLACE, "plugin.sock"))
            break
        except BlockingIOError:  # too many wait to be taken
            time.sleep(0.01)
    if greet:
        made.sendall(GREETING + frame(SETTINGS, 0, 0))
    return made


def push(made, data):
    """Sends what the server takes within a moment. False: it hung up."""
    made.settimeout(0.2)
    try:
        made.sendall(data)
    except TimeoutError:
        pass
    except OSError:
        return False
    return True


def drain(made, seconds=0.5):
    made.settimeout(seconds)
    got = b""
    try:
        while True:
            part = made.recv(65536)
            if not part:
                break
            got += part
    except OSError:
        pass
    return got


def check(what, bound_kib):
    """A good client is served, and the server holds no more than this."""
    resident, own = bed.resident_kib(SERVER)
    print(f"# {what}: {resident} KiB resident, {own} of it its own")
    if not SANITIZED:
        assert resident <= bound_kib, f"{resident} KiB; expected {bound_kib} at most"
    said, status = bed.run(ASK, "bench", os.path.join(PLACE, "plugin.sock"), "50")
    assert status == 0, said


def close_all(connections):
    for made in connections:
        made.close()
    for _ in range(2400):
        if bed.descriptors(SERVER) < 16:
            return
        time.sleep(0.05)
    raise AssertionError(f"{bed.descriptors(SERVER)} descriptors are left")


def test_a_thousand_connections():
    connections = [connect() for _ in range(1000)]
    time.sleep(0.2)
    assert bed.descriptors(SERVER) <= CONNECTIONS_MAX + 16
    check("1,000 connections", 12000)
    close_all(connections)


def test_a_thousand_connections_that_say_nothing():
    connections = [connect(greet=False) for _ in range(1000)]
    check("1,000 silent connections", 12000)
    close_all(connections)


def test_bytes_that_mean_nothing():
    print(f"# seed {SEED}")
    draw = random.Random(SEED)
    for i in range(300):
        made = connect(greet=i % 2 == 0)
        push(made, draw.randbytes(draw.randrange(1, 5000)))
        made.close()
    check("300 connections of random bytes", 16000)


def test_frames_that_mean_nothing():
    draw = random.Random(SEED)
    for _ in range(300):
        made = connect()
        for _ in range(30):
            body = draw.randbytes(draw.choice([0, 4, 5, 8, 40]))
            data = frame(draw.randrange(0, 12), draw.randrange(256), draw.choice([0, 1, 3, 5]), body)
            if not push(made, data):
                break
        made.close()
    check("300 connections of random frames", 16000)


def test_requests_that_promise_much_and_end_early():
    """Each of 60 connections has 10 requests of 4 MiB that lack their last byte."""
    body = message(b"\0" * (4 << 20))[:-1]
    parts = [body[i:i + 16384] for i in range(0, len(body), 16384)]
    connections = []
    for _ in range(60):
        made = connect()
        connections.append(made)
        push(made, b"".join(call(1 + 2 * k, "Allocate") for k in range(10)))
        push(made, frame(WINDOW, 0, 0, (1 << 30).to_bytes(4, "big")))
        for part in parts[:40]:
            if not push(made, b"".join(frame(DATA, 0, 1 + 2 * k, part) for k in range(3))):
                break
    check("600 requests, each cut short", 110000)
    close_all(connections)


def test_clients_that_do_not_read():
    """Fifty streams are left unread while the list changes 3,000 times."""
    connections = []
    for _ in range(50):
        made = connect()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        push(made, frame(WINDOW, 0, 0, (1 << 30).to_bytes(4, "big")))
        push(made, call(1, "ListAndWatch"))
        push(made, frame(WINDOW, 0, 1, (1 << 30).to_bytes(4, "big")))
        push(made, frame(DATA, END_STREAM, 1, message(b"")))
        connections.append(made)
    good = connect()
    turn = message(pb.write((1, "dev-1")))
    for i in range(3000):
        stream = 1 + 2 * i
        assert push(good, call(stream, "PreStartContainer") + frame(DATA, END_STREAM, stream, turn))
        if i % 50 == 49:
            drain(good, 0.01)
    check("50 clients that read nothing of 3,000 lists", 90000)
    close_all(connections + [good])
    check("when they have gone", 40000)


def test_a_client_that_asks_and_does_not_listen():
    made = connect()
    pings = frame(PING, 0, 0, b"12345678") * 1000
    hung_up = any(not push(made, pings) for _ in range(100))
    assert hung_up, "1,700,000 bytes of pings were taken"
    made.close()
    check("100,000 pings", 16000)


def test_a_client_that_cancels_all_it_asks():
    made = connect()
    for i in range(20000):
        stream = 1 + 2 * i
        data = call(stream, "ListAndWatch") + frame(RST, 0, stream, (8).to_bytes(4, "big"))
        if not push(made, data):
            break
    made.close()
    check("20,000 calls, each cancelled", 16000)


def test_one_byte_at_a_time():
    made = connect(greet=False)
    data = (GREETING + frame(SETTINGS, 0, 0) + call(1, "GetDevicePluginOptions") +
            frame(DATA, END_STREAM, 1, message(b"")))
    for byte in data:
        made.sendall(bytes([byte]))
    got = drain(made)
    made.close()
    assert message(pb.write((1, 1), (2, 1))) in got
    check("one byte at a time", 16000)


def main():
    global PLACE, SERVER  # pylint: disable=global-statement
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    if hard < 2048 or soft < 0:
        print(f"SKIP: only {hard} descriptors may be open here; 2048 are needed")
        sys.exit(77)
    with bed.folder() as PLACE:
        with bed.running(PLUGIN, os.path.join(PLACE, "plugin.sock"), "56") as SERVER:
            print(f"# at the start: {bed.resident_kib(SERVER)[0]} KiB")
            tap.run([(name[5:].replace("_", " "), case)
                     for name, case in tap.cases_of(sys.modules["__main__"], "test_")])


if __name__ == "__main__":
    main()
