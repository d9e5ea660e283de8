"""Certificates of a test's own, and servers on loopback that show them."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from release_mgmt import clock
from tests.loopback import Server


def certificate(folder: Path, name: str) -> Path:
    """A certificate for ``name`` that nobody else knows, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = clock.now()  # TLS asks this machine's clock
    made = (
        x509.CertificateBuilder(issuer_name=who, subject_name=who, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole = folder / f"{name}.pem"
    whole.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return whole


def showing(held: Path) -> ssl.SSLContext:
    """What a server needs to show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(held)
    return context


def secured(server: Server, held: Path, name: str) -> str:
    """Let a server of loopback show a certificate from now on; its address under ``name``."""
    server.http.socket = showing(held).wrap_socket(server.http.socket, server_side=True)
    return f"https://{name}:{server.http.server_address[1]}"
