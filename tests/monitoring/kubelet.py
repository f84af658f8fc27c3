"""A kubelet as a device plugin sees one: it takes registrations, follows the lists, and says over
pod-resources what it has and which pod holds what. It starts nothing."""
import os
import sys
import threading

import grpc
from concurrent import futures

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "grpc"))
import pb  # noqa: E402  pylint: disable=wrong-import-position

PLUGIN = "/v1beta1.DevicePlugin/"


def plain(data):
    return data


class Kubelet:
    def __init__(self, folder):
        self.plugins = os.path.join(folder, "device-plugins")
        self.resources = os.path.join(folder, "pod-resources", "kubelet.sock")
        os.makedirs(self.plugins)
        os.makedirs(os.path.dirname(self.resources))
        self.lock = threading.Lock()
        self.devices, self.pods, self.channels = {}, [], []
        self.servers = [self.serve(os.path.join(self.plugins, "kubelet.sock"),
                                   "v1beta1.Registration", {"Register": self.register}),
                        self.serve(self.resources, "v1.PodResourcesLister",
                                   {"List": self.list, "GetAllocatableResources": self.all})]

    @staticmethod
    def serve(path, service, calls):
        server = grpc.server(futures.ThreadPoolExecutor(4))
        handlers = {name: grpc.unary_unary_rpc_method_handler(call, plain, plain)
                    for name, call in calls.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        server.add_insecure_port(f"unix:{path}")
        server.start()
        return server

    def register(self, data, _):
        fields = pb.read(data)
        endpoint, resource = fields[2][0].decode(), fields[3][0].decode()
        threading.Thread(target=self.follow, args=(endpoint, resource), daemon=True).start()
        return b""

    def follow(self, endpoint, resource):
        channel = grpc.insecure_channel(f"unix:{os.path.join(self.plugins, endpoint)}")
        with self.lock:
            self.channels.append(channel)
        lists = channel.unary_stream(PLUGIN + "ListAndWatch", plain, plain)(b"")
        try:
            for one in lists:
                found = [pb.read(device) for device in pb.read(one).get(1, [])]
                with self.lock:
                    self.devices[resource] = [device[1][0].decode() for device in found
                                              if device[2][0] == b"Healthy"]
        except (grpc.RpcError, ValueError):
            pass
        with self.lock:
            self.devices.pop(resource, None)

    def all(self, *_):
        with self.lock:
            return pb.write(*[(1, [(1, resource), (2, one)])
                              for resource, ids in self.devices.items() for one in ids])

    def list(self, *_):
        with self.lock:
            return pb.write(*[(1, [(1, name), (2, space),
                                   (3, [(1, "main"), (2, [(1, resource), (2, device)])])])
                              for space, name, resource, device in self.pods])

    def ids(self, resource):
        with self.lock:
            return sorted(self.devices.get(resource, []))

    def run(self, space, name, resource, device):
        """A pod has that device from now on."""
        with self.lock:
            self.pods.append((space, name, resource, device))

    def end(self, name):
        with self.lock:
            self.pods = [pod for pod in self.pods if pod[1] != name]

    def stop(self):
        for server in self.servers:
            server.stop(None)
        for channel in self.channels:
            channel.close()
