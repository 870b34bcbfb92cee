"""The examples of deploy/proxy, run as they stand but for name, ports and certificate, in front of the site.

Part of the long profile: TELEMETRY_TEST_PROFILE=long, with nginx and caddy.
"""

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.acceptance.product import free_port, wait_until
from tests.deploy.image import DEPLOY
from tests.deploy.test_gunicorn import running
from tests.profile import LONG
from tests.support.people import a_person

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not LONG, reason="proxies are of the long profile"),
]
NAME = "usage.example"
CADDY_TEST = "auto_https disable_redirects\n\tadmin off\n\tstorage file_system {storage}\n\tskip_install_trust"
"""Caddy's own authority signs, because nobody outside can be asked; redirects would want port 80."""


@dataclass(frozen=True)
class Proxy:
    """A proxy on the loopback, by its ports for TLS and, if it has one, plain HTTP; `log` is all that it wrote."""

    tls: int
    plain: int | None
    certificate: Path
    log: Path

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: object
    ) -> requests.Response:
        """A request to NAME with TLS verified."""
        with requests.Session() as session:
            session.mount("https://", _AsNamed(self.tls))
            return session.request(
                method,
                f"https://{NAME}{path}",
                verify=str(self.certificate),
                timeout=30,
                allow_redirects=False,
                headers={"Host": NAME, **(headers or {})},
                **options,  # type: ignore[arg-type]
            )


class _AsNamed(requests.adapters.HTTPAdapter):
    """Sends requests for any name to a port of the loopback."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def build_connection_pool_key_attributes(self, request, verify, cert=None):  # type: ignore[no-untyped-def]
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return {**host, "host": "127.0.0.1", "port": self._port}, {
            **pool,
            "server_hostname": NAME,
            "assert_hostname": NAME,
        }


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for NAME that signs itself, and its key."""
    made, key = directory / "fullchain.pem", directory / "privkey.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


def nginx(directory: Path, site: int) -> tuple[list[str], Proxy]:
    made, key = certificate(directory)
    proxy = Proxy(free_port(), free_port(), made, directory / "nginx.log")
    text = (DEPLOY / "proxy" / "nginx.conf").read_text()
    for pattern, value in {
        r"listen 80;": f"listen 127.0.0.1:{proxy.plain};",
        r"listen 443 ssl http2;": f"listen 127.0.0.1:{proxy.tls} ssl http2;",
        r"/etc/ssl/usage.example/fullchain.pem": str(made),
        r"/etc/ssl/usage.example/privkey.pem": str(key),
        r"/var/log/nginx/usage.example.error.log": str(proxy.log),
        r"127.0.0.1:8000": f"127.0.0.1:{site}",
    }.items():
        text, changes = re.subn(re.escape(pattern), value, text)
        assert changes == 1, pattern
    (directory / "server.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = directory / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {directory}/pid; error_log {proxy.log}; events {{}}\n"
        f"http {{ {temporary} access_log {directory}/access.log; include {directory}/server.conf; }}"
    )
    return ["nginx", "-c", str(whole), "-e", str(proxy.log)], proxy


def caddy(directory: Path, site: int) -> tuple[list[str], Proxy]:
    authority = directory / "storage/pki/authorities/local/root.crt"
    proxy = Proxy(free_port(), None, authority, directory / "caddy.log")
    text = (DEPLOY / "proxy" / "Caddyfile").read_text()
    own = f"{{\n\thttps_port {proxy.tls}\n\t{CADDY_TEST.format(storage=directory / 'storage')}\n}}\n"
    text, changes = re.subn(rf"^{NAME} {{", f"{NAME} {{\n\tbind 127.0.0.1\n\ttls internal", text, flags=re.MULTILINE)
    text, others = re.subn("127.0.0.1:8000", f"127.0.0.1:{site}", text)
    assert changes == others == 1
    (directory / "Caddyfile").write_text(own + text)
    return ["caddy", "run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"], proxy


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, image: Path, tmp_path: Path) -> Iterator[Proxy]:
    assert shutil.which(request.param.__name__), f"install {request.param.__name__}"
    variables = {"DJANGO_HTTPS": "true", "DJANGO_BEHIND_PROXY": "true", "ALLOWED_HOSTS": f"{NAME},127.0.0.1"}
    with running(image, tmp_path / "site.log", 1, **variables) as (port, _):
        command, made = request.param(tmp_path, port)
        with made.log.open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
        try:
            wait_until("the proxy", lambda: process.poll() is not None or _answers(made))
            assert process.poll() is None, made.log.read_text()
            yield made
        finally:
            process.terminate()
            process.wait(30)


def _answers(proxy: Proxy) -> bool:
    try:
        return proxy.call("GET", "/healthz").ok
    except OSError:  # Caddy listens before it has its certificate
        return False


def test_the_site_is_there_with_tls_and_believes_the_proxy_alone(proxy: Proxy) -> None:
    page = proxy.call("GET", "/sign-in/", headers={"X-Forwarded-Proto": "http"})
    assert page.status_code == 200, "a client's header would have led to a redirect"
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert page.cookies and all(cookie.secure for cookie in page.cookies)

    assert proxy.call("GET", "/metrics").status_code == 404
    too_large = proxy.call("POST", "/api/auth/login", json={"username": "x" * 2_000_000})
    assert too_large.status_code in {413, 502}, "the latter by Caddy's older versions"
    if proxy.plain is not None:
        answer = requests.get(
            f"http://127.0.0.1:{proxy.plain}/settings/?x=1",
            headers={"Host": NAME},
            allow_redirects=False,
            timeout=30,
        )
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{NAME}/settings/?x=1")
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", proxy.tls)) as plain:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_1
        old.wrap_socket(plain, server_hostname=NAME)


def test_failed_sign_ins_count_for_the_clients_own_address(proxy: Proxy) -> None:
    """A client that names another address in the header at each try has no more tries."""
    name = a_person().username
    statuses = [
        proxy.call(
            "POST",
            "/api/auth/login",
            json={"username": name, "password": "wrong"},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        ).status_code
        for number in range(15)
    ]
    assert 429 in statuses, statuses


def test_no_log_of_the_proxy_names_what_was_looked_at(proxy: Proxy) -> None:
    proxy.call("GET", "/settings/privacy/?who=jane@example.org")
    access = proxy.log.parent / "access.log"
    assert "jane" not in proxy.log.read_text() and not (access.exists() and access.read_text())
