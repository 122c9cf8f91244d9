"""Reports: figures that filter each other, open their rows, and can be sent as a link or a file."""

from clinic_core import reports as catalogue
from ui import report_boards, report_filters, report_views, session

clinic, actor = session.open_page("Reports", action="report.read")
with session.show_errors():
    board = report_views.choose_board(tuple(report_boards.BOARDS))
    question, compare = report_filters.ask(clinic, compare=report_views.comparisons(board))
    if board in catalogue.boards():
        report_views.board(clinic, actor, question, board, compare)
    else:
        report_boards.BOARDS[board](clinic, actor, question)
