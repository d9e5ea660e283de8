"""Certificates of a test's own, and servers on loopback that show them."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.loopback import Server


def certificate(folder: Path, name: str) -> Path:
    """A certificate for ``name`` that nobody else knows, with its key, in one file."""
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    key, shown = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run([*made.split(), "-keyout", str(key), "-out", str(shown)], check=True, capture_output=True)
    whole = folder / f"{name}.pem"
    whole.write_bytes(shown.read_bytes() + key.read_bytes())
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
