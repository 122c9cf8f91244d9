"""Every command and every option says what it is for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from clinic_core.cli import build_parser
from clinic_core.commands import all_commands


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, subcommands included."""
    found: dict[str, argparse.ArgumentParser] = {}

    def collect(parser: argparse.ArgumentParser) -> None:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert all(choice.help for choice in action._choices_actions), parser.prog
                for child in action.choices.values():
                    found[child.prog] = child
                    collect(child)

    collect(build_parser())
    return found


@pytest.mark.parametrize("parser", parsers().values(), ids=parsers())
def test_every_command_and_option_has_help(parser: argparse.ArgumentParser):
    """A missing help text is a hole in the only manual that is always at hand."""
    for action in parser._actions:
        assert action.help or isinstance(action, argparse._SubParsersAction), f"{action.dest} of {parser.prog}"


@pytest.mark.parametrize("parser", parsers().values(), ids=parsers())
def test_every_command_takes_a_data_folder(parser: argparse.ArgumentParser):
    """So that each can speak to the embedded database."""
    assert any("--data-dir" in action.option_strings for action in parser._actions)


@pytest.mark.parametrize("words", [["user", "--data-dir", "x", "list"], ["user", "list", "--data-dir", "x"]])
def test_the_data_folder_may_stand_after_the_command_or_the_act(words: list[str]):
    """People write it in either place."""
    assert build_parser().parse_args(words).data_dir == Path("x")


def test_without_the_option_the_settings_decide():
    """No default on the command line hides DATA_DIR."""
    assert not hasattr(build_parser().parse_args(["user", "list"]), "data_dir")


def test_the_help_is_printed_without_a_database(capsys: pytest.CaptureFixture[str]):
    """`--help` lists every command with its one line."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for command in all_commands():
        assert command.HELP.split(";")[0][:40] in text
