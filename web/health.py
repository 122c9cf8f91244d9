"""Whether the clinic can work: what a load balancer, a container and `make run` ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clinic_core.clinic import Clinic
from clinic_core.errors import Unavailable
from clinic_core.services import jobs
from web.passage import HEALTH

_PATIENCE: Final = 2.0  # seconds
_FRESH: Final = 1.0  # seconds; anybody may ask, so asking more often costs nothing


class Health:
    """Answers from the database, at most once a second however many ask."""

    def __init__(self, clinic: Callable[[], Clinic]) -> None:
        self._clinic = clinic
        self._threads = anyio.CapacityLimiter(2)
        self._lock = asyncio.Lock()
        self._answer: tuple[float, dict[str, Any]] = (float("-inf"), {})

    def routes(self) -> list[Route]:
        """For `st.App(routes=)`."""
        return [Route(HEALTH, self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """200 with ``"status": "ok"`` when the database answers, 503 when not."""
        async with self._lock:
            asked_at, answer = self._answer
            if monotonic() - asked_at > _FRESH:
                answer = await self._ask()
                self._answer = (monotonic(), answer)
        return JSONResponse(answer, status_code=200 if answer["status"] == "ok" else 503)

    async def _ask(self) -> dict[str, Any]:
        found: dict[str, Any] = {"status": "unavailable", "database": "down", "sidecar": None, "version": _version()}
        with anyio.move_on_after(_PATIENCE):
            sidecar = await anyio.to_thread.run_sync(self._read, limiter=self._threads, abandon_on_cancel=True)
            if sidecar is not None:
                found |= {"status": "ok", "database": "ok", "sidecar": sidecar}
        return found

    def _read(self) -> dict[str, Any] | None:
        try:
            self._clinic().ping()
            sidecar = jobs.health(self._clinic())
        except Unavailable:
            return None
        beat = sidecar.last_beat_at
        return {
            "ok": sidecar.alive and not sidecar.failing,
            "last_beat": beat.isoformat() if beat else None,
            "failing": list(sidecar.failing),
        }


def _version() -> str:
    try:
        return version("clinic")
    except PackageNotFoundError:
        return "development"
