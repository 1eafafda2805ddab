"""What is played through the gateway of a cluster while things are done to it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.deploy.cluster.callers import Callers
from tests.deploy.cluster.kubectl import Kubectl
from tests.support.eventually import eventually


class Play:
    """A county and days of calls, by the commands that anybody has."""

    def __init__(self, kubectl: Kubectl, folder: Path, url: str, token: str) -> None:
        self._kubectl, self._folder, self._url, self._token = kubectl, folder, url, token
        kubectl.environ |= {"WANGGE_URL": url, "WANGGE_TOKEN": token}

    def county(self) -> None:
        """A demo county: its tree in the registry's pod, its teams over HTTP."""
        at = self._folder / "county"
        self._kubectl.wangge("county", "make", str(at), "--demo")
        pod = self._kubectl.items("pods", "app.kubernetes.io/name=registry")[0]["metadata"]["name"]
        self._kubectl("cp", str(at), f"{pod}:/tmp/county", "--container", "main")
        self._kubectl.in_part(f"pod/{pod}", "/opt/wangge/role", "import", "/tmp/county")  # noqa: S108
        self._kubectl.wangge("county", "import", "--teams", str(at))

    def day(self, seed: int, load: int, meanwhile: Callable[[], None] = lambda: None) -> str:
        """As `Commands.day`, in this run's folder."""
        return self._kubectl.day(self._folder, seed, load, meanwhile)

    def callers(self) -> Callers:
        """Calls that come in at the first centre that has a position, from `with` on."""
        with self._client() as client:
            centres = client.get("/v1/centres").raise_for_status().json()["centres"]
        centre = next(each for each in centres if each.get("lat") is not None)
        return Callers(
            self._url, self._token, {key: centre[key] for key in ("lat", "lon", "grid_code")}, self._trusted()
        )

    def judged(self, callers: Callers) -> str:
        """What became of the calls; AssertionError when one was refused or lost."""
        assert callers.taken
        assert callers.lost == [], callers.lost
        with self._client() as client:
            eventually(lambda: not callers.not_found(client), within=120, every=2)
        return (
            f"{len(callers.taken)} taken at once, {len(callers.kept)} kept by a gateway and delivered later, "
            f"none refused, all can be read; the slowest answer took {callers.longest:.1f} s"
        )

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._token}"}
        return httpx.Client(base_url=self._url, headers=headers, verify=self._trusted(), timeout=30)

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._kubectl.environ.get("SSL_CERT_FILE"))
