"""pki: the keys of a cluster, made by openssl. Each party has a certificate of its own."""
import os

from .system import run, write

DAYS = "30"
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

# OpenSSL takes common names of up to 64 characters unless it is told otherwise; "system:node:" and
# the name of a node that Karpenter made are longer.
CONFIG = """openssl_conf = init
[init]
stbl_section = lengths
[lengths]
commonName = min:1,max:300
[req]
distinguished_name = none
[none]
"""


class Certificate:
    """The paths of a certificate and its key."""

    def __init__(self, folder, name):
        self.crt = os.path.join(folder, f"{name}.crt")
        self.key = os.path.join(folder, f"{name}.key")


class Authority:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.env = dict(os.environ, OPENSSL_CONF=write(os.path.join(folder, "openssl.cnf"), CONFIG))
        self.ca = Certificate(folder, "ca")
        run(["openssl", "req", "-x509", *EC, "-days", DAYS, "-subj", "/CN=gpuslice-bed",
             "-keyout", self.ca.key, "-out", self.ca.crt, "-addext",
             "basicConstraints=critical,CA:TRUE", "-addext", "subjectKeyIdentifier=hash"],
            env=self.env)
        self.accounts_key = os.path.join(folder, "accounts.key")
        run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-out", self.accounts_key])
        self.accounts_pub = os.path.join(folder, "accounts.pub")
        run(["openssl", "pkey", "-in", self.accounts_key, "-pubout", "-out", self.accounts_pub])

    def client(self, user, group=None):
        """What the API server takes for this user of this group."""
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        return self.issue(user.replace(":", "-"), subject, "extendedKeyUsage=clientAuth")

    def server(self, name, addresses=(), names=()):
        """What a server shows; clients reach it under these addresses and names."""
        sans = [f"IP:{one}" for one in addresses] + [f"DNS:{one}" for one in names]
        return self.issue(name, f"/CN={name}", "extendedKeyUsage=serverAuth",
                          "subjectAltName=" + ",".join(sans))

    def issue(self, name, subject, *extensions):
        made = Certificate(self.folder, name)
        more = [word for one in (*extensions, "basicConstraints=critical,CA:FALSE",
                                 "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")
                for word in ("-addext", one)]
        run(["openssl", "req", "-x509", "-CA", self.ca.crt, "-CAkey", self.ca.key, *EC,
             "-days", DAYS, "-subj", subject, "-keyout", made.key, "-out", made.crt, *more],
            env=self.env)
        return made
