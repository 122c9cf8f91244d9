"""``demo``: a believable clinic in an empty database."""

from __future__ import annotations

import argparse

from clinic_core.commands import clinic_for

NAME = "demo"
HELP = "Fill an empty database with an invented clinic, for trying out and for measuring."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much, and which one."""
    parser.add_argument("--years", type=float, metavar="N", help="years of work up to today (default: 0.5)")
    parser.add_argument("--practitioners", type=int, metavar="P", help="how many, up to 12 (default: 4)")
    parser.add_argument("--seed", type=int, metavar="S", help="another number makes another clinic (default: 1)")


def run(args: argparse.Namespace) -> int:
    """Load the demo and say who can sign in."""
    from clinic_core import progress  # noqa: PLC0415 - --help stays quick
    from clinic_core.services import demo  # noqa: PLC0415

    years = demo.DEFAULT_YEARS if args.years is None else args.years
    seed = demo.DEFAULT_SEED if args.seed is None else args.seed
    practitioners = demo.DEFAULT_PRACTITIONERS if args.practitioners is None else args.practitioners
    with clinic_for(args, bulk_load=True) as clinic, progress.bar("Loading the demo clinic", "days") as move:
        done = demo.load(clinic, years=years, seed=seed, practitioners=practitioners, progress=move)
    if done.completes is not None:
        print(f"A load of {done.completes:g} years had been interrupted; it was completed as it had begun.")
    print(f"The demo clinic is there: {done.patients} patients, {done.appointments} visits, {done.invoices} invoices.")
    print(f"Sign in as admin, manager, reception or doctor; the password is {demo.PASSWORD}.")
    return 0
