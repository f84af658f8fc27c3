#!/usr/bin/env python3
"""grpcio (gRPC's C core) tries our server, and answers our client.

usage: test_grpcio.py PLUGIN ASK VERSION
       VERSION: "system", what this Python has (Debian 12: 1.51), or "fetched", a newer one
"""
import concurrent.futures
import os
import sys
import threading
import time

import bed
import pb

sys.path.insert(0, os.path.join(bed.HERE, "..", ".."))
import tap  # noqa: E402  pylint: disable=wrong-import-position

PLUGIN, ASK, VERSION = sys.argv[1:4]
SERVICE = "/v1beta1.DevicePlugin/"
GRPC = None
PLACE = None


def channel(*options):
    return GRPC.insecure_channel(f"unix:{PLACE}/plugin.sock",
                                 options=[("grpc.max_receive_message_length", 32 << 20), *options])


def call(made, method, request=b"", **more):
    return made.unary_unary(SERVICE + method)(request, timeout=more.pop("timeout", 20), **more)


def allocate(made, *ids, **more):
    return call(made, "Allocate", pb.write((1, [(1, i) for i in ids])), **more)


def fails(code, text, function, *arguments, **more):
    try:
        function(*arguments, **more)
    except GRPC.RpcError as error:
        assert error.code() == code and text in error.details(), error
        return
    raise AssertionError(f"no error; expected {code}")


def test_options_are_told():
    with channel() as made:
        assert pb.read(call(made, "GetDevicePluginOptions")) == {1: [1], 2: [1]}


def test_allocate_is_answered():
    with channel() as made:
        answer = pb.read(allocate(made, "dev-3", "dev-1"))
        grant = pb.read(answer[1][0])
        assert pb.texts(grant[1][0], 2) == ["dev-3"]
        assert [pb.texts(device) for device in grant[5]] == [["dev-3"], ["dev-1"]]


def test_a_stream_hears_of_changes_until_it_is_cancelled():
    with channel() as made:
        stream = made.unary_stream(SERVICE + "ListAndWatch")(b"")
        assert len(pb.read(next(stream))[1]) == 7
        for round_ in range(10):
            call(made, "PreStartContainer", pb.write((1, "dev-2")))
            device = pb.read(next(stream))[1][2]
            assert pb.texts(device, 2) == ["Healthy" if round_ % 2 else "Unhealthy"]
        stream.cancel()
        allocate(made, "dev-1")


def test_a_deadline_passes():
    with channel() as made:
        fails(GRPC.StatusCode.DEADLINE_EXCEEDED, "", allocate, made, "never", timeout=0.2)
        allocate(made, "dev-1")


def test_errors_have_code_and_text():
    with channel() as made:
        fails(GRPC.StatusCode.NOT_FOUND, "there is no device gone-\u00fc; 100% sure", allocate,
              made, "gone-\u00fc")
        fails(GRPC.StatusCode.UNIMPLEMENTED, "Nonsense", call, made, "Nonsense")
        fails(GRPC.StatusCode.INVALID_ARGUMENT, "not an AllocateRequest", call, made, "Allocate",
              b"\x0a")


def test_a_large_request_is_refused():
    with channel(("grpc.max_send_message_length", 32 << 20)) as made:
        fails(GRPC.StatusCode.NOT_FOUND, "", allocate, made, *["x" * 1000] * 4180)
        fails(GRPC.StatusCode.RESOURCE_EXHAUSTED, "4194304", allocate, made, *["x" * 1000] * 4200)


def test_compression_is_refused():
    with channel() as made:
        fails(GRPC.StatusCode.UNIMPLEMENTED, "identity", allocate, made, *["dev-1"] * 500,
              compression=GRPC.Compression.Gzip)


def test_any_authority_is_served():
    for authority in ["localhost", f"{PLACE}/plugin.sock", "%2Fvar%2Flib%2Fx.sock"]:
        with channel(("grpc.default_authority", authority)) as made:
            allocate(made, "dev-1")


def test_pings_are_answered():
    with channel(("grpc.keepalive_time_ms", 50), ("grpc.keepalive_timeout_ms", 1000),
                 ("grpc.http2.max_pings_without_data", 0),
                 ("grpc.keepalive_permit_without_calls", 1)) as made:
        stream = made.unary_stream(SERVICE + "ListAndWatch")(b"")
        next(stream)
        time.sleep(0.5)
        call(made, "PreStartContainer", pb.write((1, "dev-2")))
        next(stream)
        stream.cancel()


def test_two_hundred_calls_from_ten_threads():
    with channel() as made:
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: allocate(made, "dev-1"), range(200)))
        assert len(set(answers)) == 1


class Kubelet:
    """Registration and pod-resources, as far as a kubelet of 1.20 has them: no Get."""

    def __init__(self, folder):
        self.heard = []
        self.path = os.path.join(folder, "kubelet.sock")
        self.server = GRPC.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers([self])
        self.server.add_insecure_port(f"unix:{self.path}")
        self.server.start()

    def service(self, details):
        known = {"/v1beta1.Registration/Register": self.register,
                 "/v1.PodResourcesLister/List": self.list,
                 "/v1.PodResourcesLister/GetAllocatableResources": self.slow}
        handler = known.get(details.method)
        return handler and GRPC.unary_unary_rpc_method_handler(handler)

    def register(self, request, context):
        self.heard.append(pb.read(request))
        if pb.texts(request, 3) == ["bad"]:
            context.abort(GRPC.StatusCode.INVALID_ARGUMENT, "the ResourceName \"bad\" is invalid")
        return b""

    def list(self, _request, _context):
        devices = [(1, "nvidia.com/gpu"), (2, "GPU-1"), (3, [(1, [(1, 3)])])]
        pod = [(1, "p"), (2, "ns"), (3, [(1, "main"), (2, devices), (3, b"\x01\x02")])]
        return pb.write((1, pod))

    def slow(self, _request, _context):
        threading.Event().wait(0.05)
        return pb.write((1, [(1, "r"), (2, "x" * 4000)]), (2, b"\x00" * 100))


def test_our_client_registers_and_lists():
    with bed.folder() as folder:
        kubelet = Kubelet(folder)
        try:
            assert bed.run(ASK, "register", kubelet.path, "nvidia.com/gpu") == ("registered\n", 0)
            heard = kubelet.heard[0]
            assert (heard[1], heard[2], heard[3]) == (
                [b"v1beta1"], [b"ours.sock"], [b"nvidia.com/gpu"])
            assert pb.read(heard[4][0]) == {2: [1]}
            said, status = bed.run(ASK, "list", kubelet.path)
            assert (said, status) == ("ns/p\n main\n  nvidia.com/gpu GPU-1 @3\n", 0)
            said, status = bed.run(ASK, "allocatable", kubelet.path)
            assert (said, status) == (f"  r {'x' * 4000}\n", 0)
            said, status = bed.run(ASK, "register", kubelet.path, "bad")
            assert status == 1 and said.startswith("-1: ") and said.endswith(
                'INVALID_ARGUMENT: the ResourceName "bad" is invalid\n'), said
            said, status = bed.run(ASK, "get", kubelet.path, "ns/p")
            assert status == 1 and said.startswith("-10: ") and "UNIMPLEMENTED" in said, said
        finally:
            kubelet.server.stop(None).wait()


def main():
    global GRPC, PLACE  # pylint: disable=global-statement
    try:
        GRPC = bed.import_grpc("system" if VERSION == "system" else bed.GRPCIO_VERSION)
    except bed.Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    print(f"# grpcio {GRPC.__version__}")
    with bed.folder() as PLACE:
        with bed.running(PLUGIN, os.path.join(PLACE, "plugin.sock"), "7"):
            tap.run([(name[5:].replace("_", " "), case)
                     for name, case in tap.cases_of(sys.modules["__main__"], "test_")])


if __name__ == "__main__":
    main()
