"""``user``: who may sign in, on the command line. Passwords are typed or piped in, never given as arguments."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from clinic_core.commands import clinic_for
from clinic_core.domain.access import STAFF_ROLES, SYSTEM, Role
from clinic_core.errors import InvalidInput

if TYPE_CHECKING:
    from clinic_core.clinic import Clinic

NAME = "user"
HELP = "add, list, change, disable and enable the people who sign in, and set their passwords"

_LONGEST_LINE: Final = 4_096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand per act."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    adding = _act(acts, "add", "let somebody sign in", _add)
    _describe(adding, name_required=True)
    _password_option(adding)
    _act(acts, "list", "show everybody", _list, username=False)
    _describe(_act(acts, "change", "give somebody another name, role or practitioner", _change), name_required=False)
    _act(acts, "disable", "stop somebody from signing in and end what they have open", _disable)
    _act(acts, "enable", "let somebody sign in again", _enable)
    _password_option(_act(acts, "reset-password", "set a new password and end what was open", _reset_password))


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with clinic_for(args) as clinic:
        act: Callable[[Clinic, argparse.Namespace], None] = args.do
        act(clinic, args)
    return 0


def _add(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415 - it imports the database driver

    user = users.add(
        clinic,
        SYSTEM,
        username=args.username,
        name=args.name,
        role=Role(args.role),
        practitioner_id=_practitioner(clinic, args.practitioner),
        password=_password(args),
    )
    print(f"{user.username} may sign in as {user.role}.")


def _list(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415

    found = users.list_users(clinic, SYSTEM)
    for user in found:
        state = "" if user.active else "  (disabled)"
        print(f"{user.username:<20}  {user.role:<12}  {user.name}{state}")
    if not found:
        print("Nobody can sign in yet. Add somebody: python -m clinic_core user add NAME --name … --role admin")


def _change(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415

    user = users.named(clinic, SYSTEM, args.username)
    role = Role(args.role) if args.role else user.role
    kept = user.practitioner_id if role is Role.DOCTOR else None
    practitioner_id = _practitioner(clinic, args.practitioner) if args.practitioner else kept
    users.change(clinic, SYSTEM, user, name=args.name or user.name, role=role, practitioner_id=practitioner_id)
    print(f"{user.username} is changed; it holds from their next click on.")


def _disable(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415

    user = users.disable(clinic, SYSTEM, users.named(clinic, SYSTEM, args.username))
    print(f"{user.username} may not sign in any more, and what they had open is closed.")


def _enable(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415

    user = users.enable(clinic, SYSTEM, users.named(clinic, SYSTEM, args.username))
    print(f"{user.username} may sign in again.")


def _reset_password(clinic: Clinic, args: argparse.Namespace) -> None:
    from clinic_core.services import users  # noqa: PLC0415

    user = users.named(clinic, SYSTEM, args.username)
    users.reset_password(clinic, SYSTEM, user, _password(args))
    print(f"{user.username} has a new password, and what they had open is closed.")


def _act(
    acts: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    do: Callable[[Clinic, argparse.Namespace], None],
    *,
    username: bool = True,
) -> argparse.ArgumentParser:
    parser = acts.add_parser(name, help=text, description=text)
    if username:
        parser.add_argument("username", help="the name to sign in with, in any case")
    parser.set_defaults(do=do)
    return parser


def _describe(parser: argparse.ArgumentParser, *, name_required: bool) -> None:
    parser.add_argument("--name", required=name_required, help="the person's name, as the screens show it")
    parser.add_argument("--role", required=name_required, choices=[role.value for role in STAFF_ROLES], help="the role")
    parser.add_argument("--practitioner", metavar="NAME", help="for a doctor: the practitioner's name or id")


def _password_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from the first line of standard input"
    )


def _password(args: argparse.Namespace) -> str:
    """The new password, typed twice or read from a pipe. Raises InvalidInput."""
    if args.password_stdin:
        return sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidInput("Nobody is there to type a password: pipe it in and give --password-stdin.")
    first = getpass.getpass("New password: ")
    if getpass.getpass("The same again: ") != first:
        raise InvalidInput("The two passwords differ. Nothing was changed; try again.", field="password")
    return first


def _practitioner(clinic: Clinic, wanted: str | None) -> str | None:
    """The id of the practitioner with that id or name (in any case). Raises InvalidInput unless there is just one."""
    if wanted is None:
        return None
    known = clinic.practitioners.all()
    found = [p.id for p in known if wanted == p.id] or [p.id for p in known if p.name.casefold() == wanted.casefold()]
    if len(found) != 1:
        names = ", ".join(sorted(p.name for p in known)) or "none yet, add one in Settings"
        raise InvalidInput(f"Choose one practitioner: {names}.", field="practitioner_id")
    return found[0]
