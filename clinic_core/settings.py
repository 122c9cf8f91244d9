"""Every setting comes from the environment (or `.env`) and is read once into a frozen `Settings`.

A wrong value stops the start: `SettingsError` names the variable, what is wrong and an example.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values

from clinic_core.errors import SettingsError

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_DATABASE: Final = "clinic"
CONSOLE: Final = "console"
EVERYBODY: Final = "everybody"
MIN_SECRET_LENGTH: Final = 32
_MIN_DISTINCT: Final = 10
MAX_PORT: Final = 65_535
_MAX_DATABASE_NAME: Final = 63

Reader = Callable[[str], Any]


class _Wrong(ValueError):
    """What is wrong with one value; the variable's name and example are added by the caller."""


def _variable(name: str, read: Reader, *, default: Any, example: str, secret: bool = False) -> Any:
    """A field read from the variable `name`; a `secret` may also come from the file named by ``<name>_FILE``."""
    metadata = {"name": name, "read": read, "example": example, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


def _whole(least: int, most: int) -> Reader:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise _Wrong(f"must be a whole number from {least} to {most}")
        return int(value)

    return read


def _one_of(*choices: str) -> Reader:
    def read(value: str) -> str:
        if value.lower() not in choices:
            raise _Wrong(f"must be one of {', '.join(choices)}")
        return value.lower()

    return read


def _matching(pattern: str, description: str) -> Reader:
    def read(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise _Wrong(f"must be {description}")
        return value

    return read


def _database_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("mongodb", "mongodb+srv") or not parts.netloc:
        raise _Wrong("must start with mongodb:// or mongodb+srv:// and name a host")
    name = unquote(parts.path.removeprefix("/"))
    if len(name) > _MAX_DATABASE_NAME or re.search(r'[/\\. "$*<>:|?\x00]', name):
        raise _Wrong("has a database name (the part after the last /) that MongoDB does not allow")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise _Wrong("must be the full address that people open, with http:// or https://")
    return value.rstrip("/")


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(part.strip() for part in value.split(",") if part.strip())
    if any(not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]", host) for host in hosts):
        raise _Wrong("must be host names without scheme or port, separated by commas")
    return hosts


def _message_recipients(value: str) -> tuple[str, ...]:
    recipients = tuple(part.strip() for part in value.split(",") if part.strip())
    words = {CONSOLE, EVERYBODY}
    if len(recipients) > 1 and words & set(recipients):
        raise _Wrong(f"must be {CONSOLE}, {EVERYBODY}, or only phone numbers and e-mail addresses")
    if any(r not in words and not re.fullmatch(r"\+[1-9]\d{6,14}|[^@\s]+@[^@\s]+", r, re.ASCII) for r in recipients):
        raise _Wrong(f"must be {CONSOLE}, {EVERYBODY}, or phone numbers (+15005550006) and e-mail addresses")
    return recipients


def _signing_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", value, re.ASCII):
        raise _Wrong("must be the signing key that `backup keys` printed: 43 letters and digits")
    return value


def _secret(value: str) -> str:
    if len(value) < MIN_SECRET_LENGTH or len(set(value)) < _MIN_DISTINCT:
        raise _Wrong(f"must be random and at least {MIN_SECRET_LENGTH} characters long")
    return value


def _folder(value: str) -> Path:
    return Path(value).expanduser()


_RANDOM_EXAMPLE: Final = "the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation may choose. Secrets are left out of `repr`.

    `database_url` is "" where the embedded server is to be used; `rate_limit_window_ms` is in milliseconds.
    """

    app_env: str = _variable(
        "APP_ENV", _one_of("development", "staging", "production"), default="development", example="production"
    )
    database_url: str = _variable(
        "DATABASE_URL", _database_url, default="", example="mongodb://localhost:27017/clinic", secret=True
    )
    cookie_secret: str = _variable("COOKIE_SECRET", _secret, default="", example=_RANDOM_EXAMPLE, secret=True)
    public_url: str = _variable("APP_URL", _web_address, default="", example="https://clinic.example.org")
    port: int = _variable("PORT", _whole(1, MAX_PORT), default=8501, example="8501")
    allowed_hosts: tuple[str, ...] = _variable(
        "ALLOWED_HOSTS", _hosts, default=(), example="clinic.example.org,localhost"
    )
    data_dir: Path = _variable("DATA_DIR", _folder, default=Path("data"), example="./data")
    session_hours: int = _variable("SESSION_HOURS", _whole(1, 168), default=12, example="12")
    session_idle_minutes: int = _variable("SESSION_IDLE_MINUTES", _whole(1, 1_440), default=30, example="30")
    rate_limit_window_ms: int = _variable(
        "RATE_LIMIT_WINDOW_MS", _whole(100, 3_600_000), default=15_000, example="15000"
    )
    rate_limit_max_requests: int = _variable(
        "RATE_LIMIT_MAX_REQUESTS", _whole(1, 1_000_000), default=100, example="100"
    )
    log_level: str = _variable(
        "LOG_LEVEL", _one_of("debug", "info", "warning", "error"), default="info", example="info"
    )
    log_dir: Path | None = _variable("LOG_DIR", _folder, default=None, example="./logs")
    twilio_account_sid: str = _variable(
        "TWILIO_ACCOUNT_SID",
        _matching(r"AC[0-9a-fA-F]{32}", "AC followed by 32 hexadecimal digits"),
        default="",
        example="AC0123456789abcdef0123456789abcdef",
    )
    twilio_auth_token: str = _variable(
        "TWILIO_AUTH_TOKEN",
        _matching(r"[0-9a-fA-F]{32}", "32 hexadecimal digits"),
        default="",
        example="the auth token from the Twilio console",
        secret=True,
    )
    twilio_phone_number: str = _variable(
        "TWILIO_PHONE_NUMBER",
        _matching(r"\+[1-9]\d{6,14}", "a number in international form"),
        default="",
        example="+15005550006",
    )
    twilio_whatsapp_number: str = _variable(
        "TWILIO_WHATSAPP_NUMBER",
        _matching(r"\+[1-9]\d{6,14}", "a number in international form"),
        default="",
        example="+14155238886",
    )
    twilio_api_url: str = _variable(
        "TWILIO_API_URL", _web_address, default="https://api.twilio.com", example="http://localhost:4010"
    )
    messages_to: tuple[str, ...] = _variable(
        "MESSAGES_TO", _message_recipients, default=(), example="+15005550006,reception@example.org"
    )
    smtp_host: str = _variable(
        "SMTP_HOST", _matching(r"[A-Za-z0-9.-]+", "a host name"), default="", example="smtp.example.org"
    )
    smtp_port: int = _variable("SMTP_PORT", _whole(1, MAX_PORT), default=587, example="587")
    smtp_user: str = _variable("SMTP_USER", str, default="", example="clinic@example.org")
    smtp_pass: str = _variable("SMTP_PASS", str, default="", example="the password of SMTP_USER", secret=True)
    smtp_security: str = _variable(
        "SMTP_SECURITY", _one_of("starttls", "tls", "none"), default="starttls", example="starttls"
    )
    smtp_from: str = _variable(
        "SMTP_FROM", _matching(r"[^@\s]+@[^@\s]+", "an e-mail address"), default="", example="clinic@example.org"
    )
    alert_email: str = _variable(
        "ALERT_EMAIL", _matching(r"[^@\s]+@[^@\s]+", "an e-mail address"), default="", example="admin@example.org"
    )
    alert_slack_url: str = _variable(
        "ALERT_SLACK_URL",
        _web_address,
        default="",
        example="https://hooks.slack.com/services/T000/B000/XXXX",
        secret=True,
    )
    backup_dir: Path | None = _variable("BACKUP_DIR", _folder, default=None, example="/var/backups/clinic")
    backup_recipient: str = _variable(
        "BACKUP_RECIPIENT",
        _matching(r"age1[0-9a-z]{58}", "an age public key, age1 and 58 characters"),
        default="",
        example="age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    )
    backup_signing_key: str = _variable(
        "BACKUP_SIGNING_KEY", _signing_key, default="", example="what `backup keys` printed", secret=True
    )
    backup_bucket: str = _variable(
        "BACKUP_BUCKET",
        _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name"),
        default="",
        example="clinic-backups",
    )
    backup_bucket_prefix: str = _variable(
        "BACKUP_BUCKET_PREFIX", _matching(r"[A-Za-z0-9._/-]+", "a path like clinic/"), default="", example="clinic/"
    )
    backup_bucket_url: str = _variable(
        "BACKUP_BUCKET_URL", _web_address, default="", example="https://s3.eu-central-1.amazonaws.com"
    )
    backup_bucket_region: str = _variable(
        "BACKUP_BUCKET_REGION",
        _matching(r"[a-z0-9-]+", "a region like eu-central-1"),
        default="us-east-1",
        example="eu-central-1",
    )
    backup_access_key: str = _variable("BACKUP_ACCESS_KEY", str, default="", example="the key's id")
    backup_secret_key: str = _variable(
        "BACKUP_SECRET_KEY", str, default="", example="the secret of BACKUP_ACCESS_KEY", secret=True
    )

    @property
    def database_name(self) -> str:
        """The path of `database_url`, or ``clinic``."""
        return unquote(urlsplit(self.database_url).path.removeprefix("/")) or DEFAULT_DATABASE

    @property
    def backup_folder(self) -> Path:
        """Where backups lie on this machine: `backup_dir`, or ``backups`` in the data folder."""
        return self.backup_dir or self.data_dir / "backups"

    def may_message(self, recipient: str) -> bool:
        """Whether a message may really go to a phone number or an address.

        Outside production nobody is written to unless `messages_to` says so: demo and copied data have numbers too.
        """
        allowed = self.messages_to or ((EVERYBODY,) if self.is_production else ())
        return EVERYBODY in allowed or recipient in allowed

    @property
    def cookie_secure(self) -> bool:
        """Whether the browser may send the session cookie over https only."""
        return self.public_url.startswith("https://")

    @property
    def is_production(self) -> bool:
        """Whether real patients' data must be assumed: no demo, no embedded database, no weak secret."""
        return self.app_env == "production"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read `environ`, or else the process's environment and, below it, the project's `.env`.

        Raises SettingsError with one line per wrong variable.
        """
        source = _environment() if environ is None else environ
        values: dict[str, Any] = {}
        problems: list[str] = []
        for option in fields(cls):
            try:
                values |= _read(option, source)
            except SettingsError as error:
                problems.append(str(error))
        if not problems:
            settings = cls(**values)
            problems = _contradictions(settings)
        if problems:
            raise SettingsError("\n".join(problems))
        return settings


def variables() -> dict[str, str]:
    """Every variable that is read, with an example value."""
    return {option.metadata["name"]: option.metadata["example"] for option in fields(Settings)}


def secret_variables() -> frozenset[str]:
    """The variables that may also be given as a file, in ``<name>_FILE``."""
    return frozenset(option.metadata["name"] for option in fields(Settings) if option.metadata["secret"])


def _environment() -> dict[str, str]:
    in_file = dotenv_values(ROOT / ".env", interpolate=False)
    return {key: value for key, value in in_file.items() if value is not None} | dict(os.environ)


def _read(option: Field[Any], source: Mapping[str, str]) -> dict[str, Any]:
    """``{field: value}``, or {} where the variable is unset or empty and the default holds."""
    name = option.metadata["name"]
    text = _text(name, source, secret=option.metadata["secret"])
    if not text:
        return {}
    try:
        return {option.name: option.metadata["read"](text)}
    except _Wrong as error:
        raise SettingsError(_problem(name, str(error))) from None


def _text(name: str, source: Mapping[str, str], *, secret: bool) -> str:
    value = source.get(name, "").strip()
    file = source.get(f"{name}_FILE", "").strip() if secret else ""
    if not file:
        return value
    if value:
        raise SettingsError(f"{name} and {name}_FILE are both set: keep only one of them.")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise SettingsError(
            f"{name}_FILE names a file that cannot be read ({reason}). Example: {name}_FILE=/run/secrets/{name.lower()}"
        ) from None


def _problem(name: str, fault: str) -> str:
    """The whole sentence; the value itself is never shown, since it may be a secret."""
    return f"{name} {fault}. Example: {name}={variables()[name]}"


def _contradictions(settings: Settings) -> list[str]:
    """What no single value shows: settings that belong together, and what production asks for."""
    return [*_incomplete(settings), *(_unfit_for_production(settings) if settings.is_production else [])]


def _incomplete(settings: Settings) -> list[str]:
    twilio = {
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "TWILIO_PHONE_NUMBER": settings.twilio_phone_number,
    }
    smtp = {"SMTP_USER": settings.smtp_user, "SMTP_PASS": settings.smtp_pass}
    needed = {**(twilio if any(twilio.values()) else {}), **(smtp if any(smtp.values()) else {})}
    if any(smtp.values()):
        needed["SMTP_HOST"] = settings.smtp_host
    s3 = {
        "BACKUP_BUCKET": settings.backup_bucket,
        "BACKUP_ACCESS_KEY": settings.backup_access_key,
        "BACKUP_SECRET_KEY": settings.backup_secret_key,
    }
    needed |= s3 if any(s3.values()) else {}
    missing = [name for name, value in needed.items() if not value]
    return [_problem(name, "is missing: the others of its group are set") for name in missing]


def _unfit_for_production(settings: Settings) -> list[str]:
    problems = []
    if not settings.database_url:
        problems.append(_problem("DATABASE_URL", "is missing: APP_ENV=production needs a real MongoDB server"))
    if not settings.cookie_secret:
        problems.append(_problem("COOKIE_SECRET", "is missing: APP_ENV=production needs a secret of its own"))
    if not settings.cookie_secure:
        problems.append(_problem("APP_URL", "must be an https:// address when APP_ENV=production"))
    return problems
