"""``up``: the whole clinic on one machine. Starts database, sidecar and app, watches them, stops them in order."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Final

from clinic_core import embedded, streamlit_server
from clinic_core.children import Child
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.errors import ClinicError, SettingsError, Unavailable
from clinic_core.folder import UP, DataFolder, Running
from clinic_core.services import jobs
from clinic_core.settings import Settings
from clinic_core.store.probe import require_usable

READY_SECONDS: Final = 90
SIDECAR_SECONDS: Final = 40  # for a run that sends, and an e-mail that is under way: cut off, it is sent twice
_PAUSE_SECONDS: Final = 0.1
_WATCH_SECONDS: Final = 0.5
_TRIM_SECONDS: Final = 60
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STEADY_SECONDS: Final = 60
_LOOPBACK: Final = "127.0.0.1"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EMBEDDED_NOTICE: Final = (
    "Note: this is the embedded database, for trying the system out and for one small machine with proven backups.\n"
    "      For anything else set DATABASE_URL to a MongoDB server."
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person asked for on the command line."""

    port: int
    host: str = _LOOPBACK
    demo: bool = True
    browser: bool = True
    terminal: bool = False  # a person reads what is said


class Stopped(BaseException):
    """Ctrl-C or a request to end; not an error, so nothing but `up` itself catches it."""


@dataclass
class Watched:
    """A child with the memory of its crashes: it is restarted at once, then after longer and longer pauses."""

    child: Child
    launch: Callable[[], None]
    is_ready: Callable[[], bool]
    pause: float = 0.0  # seconds before the next restart
    due_at: float | None = None  # monotonic; None while it runs
    announced: bool = True

    def look(self, say: Say, changed: Callable[[], None]) -> None:
        """Say when it died, start it again when its pause is over, say when it answers again."""
        if self.due_at is None and not self.child.runs:
            self._plan_restart(say)
        elif self.due_at is not None and time.monotonic() >= self.due_at:
            self.due_at, self.announced = None, False
            self.launch()
            changed()
        elif not self.announced and self.is_ready():
            self.announced = True
            say(f"The {self.child.name} answers again.")

    def _plan_restart(self, say: Say) -> None:
        wait = 0.0 if time.time() - self.child.started_at > _STEADY_SECONDS else self.pause
        self.pause = min(max(2 * wait, _FIRST_PAUSE), _LONGEST_PAUSE)
        self.due_at = time.monotonic() + wait
        when = f"in {wait:g} s" if wait else "now"
        say(f"The {self.child.name} stopped ({self.child.ending()}); restarting it {when}. Its log: {self.child.log}")


@dataclass
class House:
    """Everything that runs: a database server of its own unless `DATABASE_URL` names one, the sidecar, the app."""

    settings: Settings
    options: Options
    folder: DataFolder
    say: Say
    server: embedded.Server | None = None
    watched: list[Watched] = field(default_factory=list)
    clinic: Clinic | None = None

    @property
    def address(self) -> str:
        """What to open in the browser on this machine."""
        return f"http://localhost:{self.options.port}"

    def start(self) -> None:
        """Bring everything up. Raises ClinicError when a part cannot start; the caller stops what did."""
        settings = replace(self.settings, database_url=self._database())
        self.clinic = open_clinic(settings)
        self.say("Checking the indexes …")
        create_indexes(self.clinic)
        self._demo(self.clinic)
        self._launch_others(self.clinic)
        self._wait_until_ready()

    def watch(self) -> None:
        """Restart what dies, until a signal raises Stopped."""
        trim_at = time.monotonic() + _TRIM_SECONDS
        while True:
            for one in self.watched:
                one.look(self.say, self._record)
            if time.monotonic() >= trim_at:
                trim_at = time.monotonic() + _TRIM_SECONDS
                for one in self.watched:
                    one.child.trim_log()
            time.sleep(_WATCH_SECONDS)

    def stop(self) -> None:
        """End the app, the sidecar and the database, in this order."""
        if self.clinic:
            self.clinic.close()  # while the database is there: it waits for an answer
        for one in reversed(self.watched):
            one.child.stop()

    def _database(self) -> str:
        if self.settings.database_url:
            self.say("Connecting to the database of DATABASE_URL …")
            require_usable(self.settings.database_url, self.settings.database_name)
            return self.settings.database_url
        self.say(f"Starting the embedded database in {self.folder.database} …")
        self.server = embedded.Server(self.folder)
        self._watch_over(self.server.child, self.server.launch, self.server.answers)
        self.server.start()
        self._record()
        require_usable(self.server.url, self.settings.database_name)
        return self.server.url

    def _demo(self, clinic: Clinic) -> None:
        if self.options.demo and not clinic.settings.is_production:
            load_demo_if_empty(clinic, self.say)

    def _launch_others(self, clinic: Clinic) -> None:
        self.say("Starting the sidecar and the app …")
        environment = child_environment(clinic.settings, self.folder, self.options.port)
        sidecar = Child("sidecar", ["scheduler.py"], self.folder, environment, stop_seconds=SIDECAR_SECONDS)
        self._watch_over(sidecar, sidecar.start, lambda: beats_since(clinic, sidecar.started_at))
        sidecar.start()
        app = Child("app", app_program(clinic.settings, self.options), self.folder, environment)
        self._watch_over(app, app.start, lambda: app_is_healthy(self.options))
        app.start()
        self._record()

    def _watch_over(self, child: Child, launch: Callable[[], None], is_ready: Callable[[], bool]) -> None:
        self.watched.append(Watched(child, launch, is_ready))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = list(self.watched)
        while waiting:
            waiting = [one for one in waiting if not one.is_ready()]
            for one in self.watched:
                if not one.child.runs:
                    raise Unavailable(_did_not_start(one.child, f"ended with {one.child.ending()}"))
            if waiting and time.monotonic() > deadline:
                raise Unavailable(_did_not_start(waiting[0].child, f"did not answer within {READY_SECONDS} s"))
            time.sleep(_PAUSE_SECONDS)

    def _record(self) -> None:
        children = {one.child.name: one.child.pid or 0 for one in self.watched}
        url = self.server.url if self.server else ""
        embeds = self.server is not None
        self.folder.record(Running(kind=UP, embedded=embeds, database_url=url, app_url=self.address, children=children))


def up(settings: Settings, options: Options, say: Say) -> int:
    """Run the clinic until Ctrl-C or SIGTERM; the exit status.

    Raises ClinicError, with nothing left running, when the folder, the port or the database cannot be used.
    """
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    with ExitStack() as stack:
        stack.enter_context(folder.held(UP, say=say))
        require_free(options.host, options.port)
        house = House(settings, options, folder, say)
        with _stopping_in_order(house):
            house.start()
            _announce(house)
            house.watch()
    return 0


@contextmanager
def _stopping_in_order(house: House) -> Iterator[None]:
    """Whatever ends the body, everything is stopped; a second signal does not cut that short."""
    before = {number: signal.signal(number, _raise_stopped) for number in _SIGNALS}
    try:
        yield
    except Stopped:
        house.say("Stopping the app, the sidecar and the database …")
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        house.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    house.say("Stopped.")


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped


def require_free(host: str, port: int) -> None:
    """Raise SettingsError, saying what to do, unless the app can listen on `port`."""
    advice = "Choose another one with --port or PORT, such as --port 8502."
    if embedded.accepts(port):
        raise SettingsError(f"Port {port} is taken by another program. {advice}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"{_why_no_port(host, port, error)} {advice}") from None


def _why_no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the administrator of this machine."
    return f"The app cannot listen on {host}, port {port} ({error.strerror})."


def child_environment(settings: Settings, folder: DataFolder, port: int) -> dict[str, str]:
    """What the sidecar and the app see on top of this process's environment."""
    return {
        "DATABASE_URL": settings.database_url,
        "DATABASE_URL_FILE": "",  # the address above is already what it held
        "DATA_DIR": str(folder.path),
        "PORT": str(port),
        **streamlit_server.environment(settings),
    }


def app_program(settings: Settings, options: Options) -> list[str]:
    """The app's command line; on the loopback interface it answers to this machine's own names only."""
    if options.host == _LOOPBACK and not streamlit_server.host_names(settings):
        settings = replace(settings, allowed_hosts=streamlit_server.LOCAL_NAMES)
    return streamlit_server.program(settings, host=options.host, port=options.port)


def beats_since(clinic: Clinic, started_at: float) -> bool:
    """Whether the sidecar that started then (seconds since the epoch) has written its heartbeat.

    The beat is of the database server's clock, the start of this machine's: only how long ago each was is compared.
    """
    try:
        beat, now = jobs.health(clinic).last_beat_at, clinic.server_now()
    except Unavailable:
        return False
    return beat is not None and (now - beat).total_seconds() <= time.time() - started_at


def app_is_healthy(options: Options) -> bool:
    """Whether /api/health says so itself: an unknown address is answered with 200 and a page, too."""
    host = _LOOPBACK if options.host in ("0.0.0.0", "::", "") else options.host  # noqa: S104 - compared, not bound
    try:
        with urllib.request.urlopen(f"http://{host}:{options.port}/api/health", timeout=2) as answer:
            return bool(json.load(answer).get("status") == "ok")
    except (urllib.error.URLError, OSError, ValueError, AttributeError):
        return False


def load_demo_if_empty(clinic: Clinic, say: Say) -> None:
    """Fill an empty database with the demo clinic."""
    from clinic_core import progress  # noqa: PLC0415 - only the first start needs it
    from clinic_core.services import demo  # noqa: PLC0415

    if demo.is_empty(clinic):
        say("The database is empty: loading the demo clinic (a minute or so; --no-demo leaves it empty) …")
        with progress.bar("Loading the demo clinic", "days") as move:
            demo.load(clinic, progress=move)


def who_can_sign_in(clinic: Clinic) -> str:
    """The demo's logins, how to make the first user of an empty clinic, or "" where people know their own."""
    from clinic_core.services import demo  # noqa: PLC0415

    if clinic.users.is_empty():
        return (
            "Nobody can sign in yet. Make the first user, with the same --data-dir: "
            'python -m clinic_core user add admin --name "Your Name" --role admin'
        )
    if demo.is_loaded(clinic):
        return f"Sign in as {', '.join(demo.USERNAMES)}; the password is {demo.PASSWORD} unless it was changed."
    return ""


def set_up_backups(clinic: Clinic, options: Options, say: Say) -> None:
    """Where there is no backup key, make one and show the recovery kit once; or say how.

    The kit is for a person who reads it, and a demo clinic needs none. Whatever hinders it does not stop the clinic.
    """
    from clinic_core.backup import keys, nightly  # noqa: PLC0415 - only the first start needs it
    from clinic_core.services import demo  # noqa: PLC0415

    try:
        if nightly.is_set_up(clinic):
            return
        if options.terminal and not demo.is_loaded(clinic):
            keys.ensure(clinic.settings, show_kit)
            say("Without that text no backup can ever be read. It is not shown again. Backups begin now.")
            return
    except (ClinicError, OSError) as error:
        say(f"Backups could not be set up: {error}")
    say("Backups are not set up. Do it with the same --data-dir: python -m clinic_core backup keys")


def show_kit(kit: str) -> None:
    """Print it; raises OSError where that fails, so that no key counts that nobody has seen."""
    print(f"\n{kit}", flush=True)


def _did_not_start(child: Child, what: str) -> str:
    return f"The {child.name} {what} while starting. It said last: {child.last_words()}. Its log: {child.log}"


def _announce(house: House) -> None:
    house.say(f"The clinic is open at {house.address}")
    if house.clinic and (logins := who_can_sign_in(house.clinic)):
        house.say(logins)
    if house.clinic:
        set_up_backups(house.clinic, house.options, house.say)
    if house.server:
        house.say(_EMBEDDED_NOTICE)
    house.say(f"Logs are in {house.folder.logs}. Stop with Ctrl-C.")
    if house.options.browser and _has_screen():
        webbrowser.open(house.address)


def _has_screen() -> bool:
    return os.uname().sysname == "Darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
