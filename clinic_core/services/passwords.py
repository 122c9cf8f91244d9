"""Hashing and checking credentials with streamlit-authenticator's `Hasher` (bcrypt, cost 12) and `Validator`.

The library is imported when first needed: it takes about a second, and a command that only lists needs none of it.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, Final

from clinic_core.domain.users import LONGEST_PASSWORD
from clinic_core.errors import InvalidInput

# The bcrypt hash, cost 12, of a random text that nobody kept: what an unknown user's password is held against, so
# that the answer takes as long as for a known one.
_NOBODY: Final = "$2b$12$2SOtMuMGUuqqj7VkhxrQV.7M/IZyMQagoJQ2SnPQhCMzaKGboerbm"


def hash_password(password: str) -> str:
    """The bcrypt hash to keep, 60 characters. About 0.3 s of work. `password` has passed `check_new_password`."""
    hashed: str = _library().Hasher.hash(password)
    return hashed


def is_right(password: object, password_hash: str | None) -> bool:
    """Whether `password` is the one behind the hash; None stands for a user who does not exist.

    Takes the same time whatever the answer. A password longer than bcrypt reads (72 bytes) is wrong, and so is
    anything that is not a text.
    """
    usable = isinstance(password, str) and len(password.encode("utf-8", "surrogatepass")) <= LONGEST_PASSWORD
    text = password if usable and isinstance(password, str) and password.isprintable() else ""
    matches: bool = _library().Hasher.check_pw(text, password_hash or _NOBODY)
    return matches and text != "" and password_hash is not None


def check_username(username: str) -> None:
    """Raise InvalidInput unless the username may be given to a new user."""
    if not _library().Validator().validate_username(username):
        raise InvalidInput(
            "A username is an e-mail address or up to 20 letters, digits, hyphens and underscores.", field="username"
        )


def warm_up() -> None:
    """Import the library ahead of the first sign-in."""
    _library()


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library's credential tools. It brings Streamlit with it, whose remarks about that are not for staff."""
    for name in ("streamlit.runtime.caching.cache_data_api", "streamlit.runtime.scriptrunner_utils.script_run_context"):
        logging.getLogger(name).addFilter(_only_errors)
    from streamlit_authenticator import utilities  # noqa: PLC0415 - see above

    return utilities


def _only_errors(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
