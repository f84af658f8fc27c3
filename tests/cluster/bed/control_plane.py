"""control_plane: etcd, API server, scheduler and controller-manager, each with rights of its own.

Node and RBAC authorization and NodeRestriction, as a real cluster has: the rights that an agent lacks
show here.
"""
import os

from .api import Api, ApiGone
from .daemon import Daemon, joined
from .kubectl import Kubectl, config
from .network import CONTROL_PLANE

PORT = 6443
SERVICES = "10.96.0.0/24"
FIRST_SERVICE = "10.96.0.1"
READY_LIMIT_S = 120
KUBELET_CLIENT = "kube-apiserver-kubelet-client"


class ControlPlane:
    def __init__(self, folder, programs, network, authority, join):
        self.folder, self.programs, self.network = folder, programs, network
        self.authority, self.join = authority, join
        self.server = f"https://{CONTROL_PLANE}:{PORT}"
        self.etcd = self.daemon("etcd", self.etcd_flags())
        self.apiserver = self.daemon("kube-apiserver", self.apiserver_flags())
        self.scheduler = self.daemon("kube-scheduler", self.scheduler_flags())
        self.manager = self.daemon("kube-controller-manager", self.manager_flags())
        admin = authority.client("gpuslice-bed", "system:masters")
        self.admin_config = self.kubeconfig("admin", admin)
        self.api = self.as_user(certificate=admin)
        self.kubectl = Kubectl(joined(join, [*network.enter, programs["kubectl"]]), self.admin_config,
                               folder)

    def daemon(self, name, flags):
        return Daemon(name, [self.programs[name], *flags], os.path.join(self.folder, "log", f"{name}.log"), self.join,
                      self.network.enter)

    def kubeconfig(self, name, certificate=None, token_file=None):
        return config(os.path.join(self.folder, f"{name}.kubeconfig"), self.server,
                      self.authority.ca.crt, certificate, token_file)

    def as_user(self, certificate=None, token=None):
        """The API as somebody else sees it."""
        return Api(lambda timeout: self.network.connect((CONTROL_PLANE, PORT), timeout),
                   CONTROL_PLANE, self.authority.ca.crt, certificate, token)

    def etcd_flags(self):
        here, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        return [f"--data-dir={os.path.join(self.folder, 'etcd')}", "--unsafe-no-fsync",
                f"--listen-client-urls={here}", f"--advertise-client-urls={here}",
                f"--listen-peer-urls={peers}", "--log-level=warn"]

    def apiserver_flags(self):
        show = self.authority.server("apiserver", [CONTROL_PLANE, FIRST_SERVICE, "127.0.0.1"],
                                     ["kubernetes", "kubernetes.default.svc"])
        to_kubelet = self.authority.client(KUBELET_CLIENT)
        ca, accounts = self.authority.ca.crt, self.authority.accounts_key
        return ["--etcd-servers=http://127.0.0.1:2379", f"--bind-address={CONTROL_PLANE}",
                f"--advertise-address={CONTROL_PLANE}", f"--secure-port={PORT}",
                f"--client-ca-file={ca}", f"--tls-cert-file={show.crt}",
                f"--tls-private-key-file={show.key}", f"--kubelet-certificate-authority={ca}",
                f"--kubelet-client-certificate={to_kubelet.crt}",
                f"--kubelet-client-key={to_kubelet.key}",
                "--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true",
                f"--service-cluster-ip-range={SERVICES}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self.authority.accounts_pub}",
                f"--service-account-signing-key-file={accounts}",
                f"--requestheader-client-ca-file={ca}",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
                # services have no way to pods here: webhooks are called at their endpoints
                "--enable-aggregator-routing=true"]

    def scheduler_flags(self):
        user = self.kubeconfig("scheduler", self.authority.client("system:kube-scheduler"))
        return [f"--kubeconfig={user}", f"--authentication-kubeconfig={user}",
                f"--authorization-kubeconfig={user}", "--leader-elect=false",
                "--bind-address=127.0.0.1"]

    def manager_flags(self):
        user = self.kubeconfig("controller-manager",
                               self.authority.client("system:kube-controller-manager"))
        return [f"--kubeconfig={user}", f"--authentication-kubeconfig={user}",
                f"--authorization-kubeconfig={user}", "--leader-elect=false",
                "--bind-address=127.0.0.1", "--use-service-account-credentials=true",
                f"--root-ca-file={self.authority.ca.crt}",
                f"--service-account-private-key-file={self.authority.accounts_key}",
                # how soon a node that says Ready loses the taint that keeps pods away; 5 s by default
                "--node-monitor-period=1s"]

    def start(self):
        self.etcd.start()
        self.apiserver.start()
        self.wait_ready()
        self.scheduler.start()
        self.manager.start()
        # What kubeadm does too: the API server's own user may fetch logs and run commands.
        self.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": KUBELET_CLIENT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "system:kubelet-api-admin"},
            "subjects": [{"kind": "User", "name": KUBELET_CLIENT,
                          "apiGroup": "rbac.authorization.k8s.io"}]})

    def wait_ready(self, timeout=READY_LIMIT_S):
        def is_ready():
            try:
                return self.api.text("/readyz") == "ok"
            except ApiGone:
                return False

        self.apiserver.wait_until("is ready", is_ready, timeout)
