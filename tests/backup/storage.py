"""A real S3-compatible server (SeaweedFS) for the tests, and a wire to it that can be cut."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from clinic_core.gateways.objects import Bucket

WEED = Path(sys.executable).with_name("weed")
ACCESS, SECRET = "clinic-test-access", "clinic-test-secret-0123456789"  # noqa: S105 - of a server on the loopback


@dataclass(frozen=True)
class Storage:
    """Where it listens, and a client to look behind our own code with."""

    url: str
    s3: Any

    def bucket(
        self, name: str, *, url: str = "", prefix: str = "clinic/", secret: str = SECRET, lock: bool = False
    ) -> Bucket:
        """A new bucket, as the clinic uses it; `url` names the wire that leads there."""
        self.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return Bucket(
            name, access_key=ACCESS, secret_key=secret, region="us-east-1", url=url or self.url, prefix=prefix
        )


@contextmanager
def storage(folder: Path) -> Iterator[Storage]:
    """Start the server on the folder and stop it again."""
    if not WEED.exists():
        pytest.skip("NO SEAWEEDFS: `weed` is not beside the Python that runs the tests")
    identity = {
        "name": "clinic",
        "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    names = ("master", "volume", "filer", "s3")
    ports = dict(zip([*names, *(f"{name}.port.grpc" for name in names)], _free_ports(8), strict=True))
    options = [f"-{name if '.' in name else f'{name}.port'}={port}" for name, port in ports.items()]
    program = [WEED, "-logtostderr", "-v=-1", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    program += ["-s3", "-filer", f"-s3.config={config}", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0"]
    program += ["-s3.port.lance=0"]
    program += ["-s3.iam=false", "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=300"]
    program += ["-volume.minFreeSpace=1", *options]
    with (
        (folder / "weed.log").open("wb") as log,
        subprocess.Popen(program, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            url = f"http://127.0.0.1:{ports['s3']}"
            s3 = boto3.client(
                "s3",
                endpoint_url=url,
                aws_access_key_id=ACCESS,
                aws_secret_access_key=SECRET,
                region_name="us-east-1",
                config=Config(s3={"addressing_style": "path"}),
            )
            _wait(url, process, folder / "weed.log")
            yield Storage(url=url, s3=s3)
        finally:
            process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.ConnectionError):
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        time.sleep(0.05)
    raise AssertionError(f"the storage did not start: {log.read_text()[-2000:]}")


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Wire:
    """Forwards to the server of `url`; after `cut_after` bytes towards it every connection breaks, until `mend`."""

    def __init__(self, url: str, *, cut_after: int) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._left: float = cut_after
        self._lock = threading.Lock()
        self.sent = 0

    def mend(self) -> None:
        """Let everything through from now on, and count anew what is sent."""
        with self._lock:
            self._left, self.sent = float("inf"), 0

    def __enter__(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
            while data := client.recv(1 << 16):
                with self._lock:
                    self._left -= len(data)
                    self.sent += len(data)
                    cut = self._left < 0
                if cut:
                    break
                server.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
