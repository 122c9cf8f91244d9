"""Settings: right values are read, wrong ones are named, production is strict, secrets stay secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clinic_core.errors import SettingsError
from clinic_core.settings import ROOT, Settings, secret_variables, variables

SECRET = "kX3v9QmT7zLw2RbYc8HnJ5pD1sGfA4eU"
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "mongodb://db.example.org/clinic",
    "COOKIE_SECRET": SECRET,
    "APP_URL": "https://clinic.example.org",
}


def test_an_empty_environment_gives_the_defaults():
    """Nothing set means development with the embedded database; an empty value counts as unset."""
    settings = Settings.from_env({"PORT": "", "DATABASE_URL": " "})

    assert settings == Settings()
    assert (settings.app_env, settings.port, settings.database_url) == ("development", 8501, "")
    assert (settings.database_name, settings.cookie_secure) == ("clinic", False)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mongodb://localhost:27017", "clinic"),
        ("mongodb://localhost/?retryWrites=true", "clinic"),
        ("mongodb://a:1,b:2/north?replicaSet=rs0", "north"),
        ("mongodb+srv://user:p%2Fw@cluster.example.net/clinic_prod?w=majority", "clinic_prod"),
    ],
)
def test_the_database_name_is_the_path_of_its_address(url: str, name: str):
    """Without a path the name is `clinic`."""
    assert Settings.from_env({"DATABASE_URL": url}).database_name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "prod"),
        ("DATABASE_URL", "postgres://localhost/clinic"),
        ("DATABASE_URL", "db.example.org:27017"),
        ("DATABASE_URL", "mongodb://localhost/my clinic"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "８５０１"),
        ("PORT", "eighty"),
        ("APP_URL", "clinic.example.org"),
        ("ALLOWED_HOSTS", "https://clinic.example.org"),
        ("COOKIE_SECRET", "short"),
        ("COOKIE_SECRET", "x" * 40),
        ("SESSION_HOURS", "0"),
        ("SESSION_IDLE_MINUTES", "-5"),
        ("RATE_LIMIT_WINDOW_MS", "1.5"),
        ("RATE_LIMIT_MAX_REQUESTS", "many"),
        ("LOG_LEVEL", "loud"),
        ("TWILIO_ACCOUNT_SID", "12345"),
        ("TWILIO_PHONE_NUMBER", "0171 123"),
        ("SMTP_PORT", "smtp"),
    ],
)
def test_a_wrong_value_is_named_with_an_example(name: str, value: str):
    """The sentence holds the variable, an example of a right value, and never the value itself when it is secret."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: value})

    sentence = next(line for line in str(caught.value).splitlines() if line.startswith(name))
    assert f"Example: {name}={variables()[name]}" in sentence
    if name in secret_variables():
        assert value not in sentence


def test_all_wrong_values_are_told_at_once():
    """Nobody likes to mend one, start, and meet the next."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"PORT": "x", "LOG_LEVEL": "loud", "APP_ENV": "prod"})

    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["APP_ENV", "PORT", "LOG_LEVEL"]


def test_production_takes_complete_settings():
    """With a database, a secret and an https address production starts."""
    settings = Settings.from_env(PRODUCTION)

    assert settings.is_production
    assert settings.cookie_secure


@pytest.mark.parametrize("name", ["DATABASE_URL", "COOKIE_SECRET", "APP_URL"])
def test_production_refuses_a_missing_value(name: str):
    """Each is asked for by name."""
    with pytest.raises(SettingsError, match=rf"^{name} .*APP_ENV=production.*Example: {name}="):
        Settings.from_env(PRODUCTION | {name: ""})


def test_production_refuses_an_address_without_tls():
    """The session cookie must not travel in the clear."""
    with pytest.raises(SettingsError, match="^APP_URL must be an https:// address"):
        Settings.from_env(PRODUCTION | {"APP_URL": "http://clinic.example.org"})


def test_half_a_twilio_account_is_refused():
    """The three belong together."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"TWILIO_ACCOUNT_SID": "AC" + "0" * 32})

    assert "TWILIO_AUTH_TOKEN is missing" in str(caught.value)
    assert "TWILIO_PHONE_NUMBER is missing" in str(caught.value)


def test_a_secret_may_come_from_a_file(tmp_path: Path):
    """`X_FILE` names it, as container platforms mount secrets; the line's end is not part of it."""
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", encoding="utf-8")

    assert Settings.from_env({"COOKIE_SECRET_FILE": str(file)}).cookie_secret == SECRET


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path):
    """A wrong path must not mean "no secret"."""
    with pytest.raises(SettingsError, match="COOKIE_SECRET_FILE names a file that cannot be read"):
        Settings.from_env({"COOKIE_SECRET_FILE": str(tmp_path / "nothing")})


def test_a_secret_given_twice_is_refused():
    """Which of the two would win is nobody's guess."""
    with pytest.raises(SettingsError, match="both set"):
        Settings.from_env({"COOKIE_SECRET": SECRET, "COOKIE_SECRET_FILE": "/run/secrets/cookie"})


def test_the_repr_shows_no_secret():
    """Settings end up in tracebacks and debuggers."""
    settings = Settings.from_env(PRODUCTION | {"DATABASE_URL": "mongodb://me:hunter2@db/clinic"})

    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_env_example_and_settings_name_the_same_variables():
    """A new setting is documented, a removed one is forgotten; and what stands there is valid."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    documented = re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE)

    assert sorted(name for name, _ in documented) == sorted(variables())
    assert Settings.from_env(dict(documented)) == Settings()
    for name in secret_variables():
        assert name in text.split("# --- Database", maxsplit=1)[0], f"{name} is not listed as one that may be a file"
