"""An authority of the test's own; it has signed a server and a client, and no `stranger`."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SHORT = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Certificates (`<name>.pem`) and keys (`<name>.key`) in a folder. The server is `temporal.test`."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        authority, stranger = _key(), _key()
        _save(
            folder, "ca", authority, _signed("authority", authority, by="authority", with_=authority, ca=True)
        )
        for name, names in {"server": ("localhost", "temporal.test"), "client": ()}.items():
            key = _key()
            _save(folder, name, key, _signed(name, key, by="authority", with_=authority, names=names))
        _save(folder, "stranger", stranger, _signed("stranger", stranger, by="stranger", with_=stranger))
        return cls(folder)

    def grpc_server(self, *, client_certificates: bool) -> grpc.ServerCredentials:
        """Return a server's credentials; with `client_certificates` it wants one signed by the authority."""
        own = ((self._read("server.key"), self._read("server.pem")),)
        return grpc.ssl_server_credentials(own, self._read("ca.pem"), client_certificates)

    def told(self, client: str | None = None) -> dict[str, str]:
        """Return the variables that tell Temporal's SDK of the authority, and of a client's own."""
        told = {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(self.folder / "ca.pem")}
        if client is not None:
            told["TEMPORAL_TLS_CLIENT_CERT_PATH"] = str(self.folder / f"{client}.pem")
            told["TEMPORAL_TLS_CLIENT_KEY_PATH"] = str(self.folder / f"{client}.key")
        return told

    def _read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    by: str,
    with_: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...] = (),
    ca: bool = False,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SHORT)
        .not_valid_after(now + _SHORT)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(with_, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _save(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
