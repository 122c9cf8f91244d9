"""A sheet of paper: fpdf2 with the shipped fonts, any script, and the same bytes for the same content.

Import it inside the function that renders: fpdf2 takes half a second to load.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from fpdf import FPDF
from fpdf.bidi import BidiParagraph, auto_detect_base_direction
from fpdf.enums import TextDirection
from fpdf.fonts import TTFFont
from fpdf.line_break import Fragment
from fpdf.prefs import ViewerPreferences

from clinic_core.documents import fonts
from clinic_core.documents.labels import Labels
from clinic_core.documents.style import INK, MUTED, RULE, Colour
from clinic_core.domain.billing import Party

Sum = tuple[str, str, bool]  # a label, an amount, and whether it is what the rows before it lead to

_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"
_LONG_NAME: Final = 50  # characters of a clinic's name that stand in large letters
_PAPERS: Final = {"A4": (210.0, 297.0), "A5": (148.0, 210.0)}  # mm, ISO 216


class _ShapedRun(Fragment):
    """Text of a script whose signs are not drawn in the order they are written: the PDF says beside it what it reads.

    Not so for right-to-left text, which readers turn round by themselves: poppler would turn this round, too.
    """

    def render_pdf_text(self, *placed: Any, **named: Any) -> str:
        drawn = super().render_pdf_text(*placed, **named)
        if self.fragment_direction == TextDirection.RTL:
            return drawn
        written = ("\ufeff" + self.string).encode("utf-16-be").hex().upper()
        return f"/Span <</ActualText <{written}>>> BDC {drawn} EMC"


class Sheet(FPDF):
    """Pages with a footer; text of any script falls to the font that has it.

    Args:
        paper: "A4" or "A5".
        title: For the PDF's metadata and the footer; never a patient's name.
        author: The clinic.
        created_at: An instant that belongs to the content: rendering again later gives the same bytes.
        labels: The words of its language.
        landscape: Whether the long side lies at the top.
    """

    def __init__(
        self, *, paper: str, title: str, author: str, created_at: datetime, labels: Labels, landscape: bool = False
    ) -> None:
        super().__init__(orientation="landscape" if landscape else "portrait", unit="mm", format=_PAPERS[paper])
        self._title, self.labels = title, labels
        self.set_title(title)
        self.set_author(author)
        self.set_creator("clinic")
        self.set_producer("clinic")
        self.set_lang(labels.language)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.set_creation_date(created_at)
        for style, file in fonts.BASE_FILES.items():
            self.add_font(fonts.BASE, style, file)
        self.set_text_shaping(True)
        self.alias_nb_pages("")  # nothing that a person typed stands for the number of pages
        margin = 14 if paper == "A5" else 18
        self.set_margins(margin, margin, margin)
        self.set_auto_page_break(True, margin + 6)
        self.pen()
        self.add_page()

    def pen(self, size: float = 9.5, *, bold: bool = False, color: Colour = INK) -> None:
        """How the next text looks; `size` in points."""
        self._style = "B" if bold else ""
        self.set_font(fonts.BASE, self._style, size)
        self.set_text_color(*color)

    def line_of(self, text: str, *, width: float = 0, align: str = "L", height: float | None = None) -> None:
        """Text that wraps within `width` mm (0: to the right margin); the next text begins below it, same x."""
        line = height or self.font_size * 1.35
        for paragraph in text.splitlines() or [""]:  # each has its own direction
            self.multi_cell(width, line, paragraph, align=align, new_x="LEFT", new_y="NEXT")

    def height_of(self, text: str, *, width: float, height: float | None = None) -> float:
        """How much room `line_of` takes for a text, in mm."""
        line, lines = height or float(self.font_size) * 1.35, list[str]()
        for paragraph in text.splitlines() or [""]:
            lines += self.multi_cell(width, line, paragraph, dry_run=True, output="LINES")  # type: ignore[arg-type]
        return line * len(lines)

    def labelled(self, label: str, lines: Sequence[str], *, width: float) -> None:
        """A small grey label with lines under it, at the present place."""
        self.pen(8, color=MUTED)
        self.line_of(label, width=width)
        for number, text in enumerate(line for line in lines if line):
            self.pen(11 if number == 0 else 9.5)
            self.line_of(text, width=width)

    def letterhead(self, issuer: Party, title: str, number: str) -> None:
        """Who issues it on the left, what it is on the right; the next text begins below both."""
        top, half = self.y, self.epw / 2
        self.pen(15 if len(issuer.name) <= _LONG_NAME else 11.5, bold=True)
        self.line_of(issuer.name, width=half)
        self.pen(9, color=MUTED)
        tax_id = self.labels.tax_id.format(number=issuer.tax_id) if issuer.tax_id else ""
        for text in (issuer.address, issuer.phone, tax_id):
            if text:
                self.line_of(text, width=half)
        bottom = self.y
        self.set_xy(self.l_margin + half, top)
        self.pen(17, bold=True)
        self.line_of(title, width=half, align="R")
        self.pen(11)
        self.line_of(number, width=half, align="R")
        self.set_xy(self.l_margin, max(bottom, self.y) + 3)
        self.rule()

    def heading(self, text: str, *, keep: float = 0) -> None:
        """What a part of the page is about; on the next page when not even `keep` mm would fit below it."""
        if self.will_page_break(keep + 10):
            self.add_page()
        self.pen(11, bold=True)
        self.line_of(text)
        self.ln(1)

    def facts(self, rows: Sequence[tuple[str, str]], *, width: float, label: float = 0.35) -> None:
        """Labels and what they stand for within `width` mm, from the present x; rows without a value are left out."""
        left = self.x
        for name, value in rows:
            if value:
                if self.will_page_break(self.facts_height([(name, value)], width=width, label=label)):
                    self.add_page()  # both sides begin on the same page
                top = self.y
                self.pen(9.5, color=MUTED)
                self.set_xy(left, top)
                self.line_of(name, width=width * label, height=5)
                bottom = self.y
                self.pen(9.5)
                self.set_xy(left + width * label, top)
                self.line_of(value, width=width * (1 - label), height=5)
                self.set_xy(left, max(bottom, self.y))

    def facts_height(self, rows: Sequence[tuple[str, str]], *, width: float, label: float = 0.35) -> float:
        """How much room `facts` takes, in mm."""
        self.pen(9.5)
        room = [((name, width * label), (value, width * (1 - label))) for name, value in rows if value]
        return sum(max(self.height_of(text, width=side, height=5) for text, side in pair) for pair in room)

    def headline(self, label: str, text: str) -> None:
        """The one thing a paper is about, large, under its label."""
        self.pen(8, color=MUTED)
        self.line_of(label)
        self.pen(26, bold=True)
        self.line_of(text)
        self.ln(4)

    def note(self, text: str, *, color: Colour = MUTED, size: float = 8) -> None:
        """Small print."""
        self.pen(size, color=color)
        self.line_of(text)

    def signatures(self, names: Sequence[str]) -> None:
        """Lines to sign on, side by side."""
        gap, width = 8.0, (self.epw - 8.0 * (len(names) - 1)) / len(names)
        if self.will_page_break(24):
            self.add_page()
        top = self.y + 16
        self.set_draw_color(*MUTED)
        self.set_line_width(0.2)
        self.pen(8, color=MUTED)
        for place, name in enumerate(names):
            left = self.l_margin + place * (width + gap)
            self.line(left, top, left + width, top)
            self.set_xy(left, top + 1)
            self.line_of(name, width=width)
        self.set_x(self.l_margin)

    def code(self, modules: Sequence[Sequence[int]], *, x: float, y: float, size: float) -> None:
        """A QR code as one filled path (no seams between its squares), `size` mm wide without its quiet zone."""
        step = size / len(modules)
        with self.new_path() as path:
            path.style.fill_color, path.style.stroke_color = "#000000", None
            for row, line in enumerate(modules):
                for first, length in _dark_runs(line):
                    path.rectangle(x + first * step, y + row * step, length * step, step)

    def rule(self, *, after: float = 4) -> None:
        """A thin line across the page, and some room."""
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        self.line(self.l_margin, self.y, self.w - self.r_margin, self.y)
        self.set_xy(self.l_margin, self.y + after)

    def sums(self, rows: Sequence[Sum], *, width: float) -> None:
        """Labels and amounts at the right edge; the flag makes a row bold, with a line above.

        They stand together on one page unless there are more of them than it holds; no row is ever torn.
        """
        left, needed = self.w - self.r_margin - width, [self._sum_height(row, width) for row in rows]
        for place, (label, amount, strong) in enumerate(rows):
            if self.will_page_break(sum(needed) if place == 0 else needed[place]):
                self.add_page()
            line, gap, share = self._sum_pen(amount, width, strong=strong)
            if strong:
                self.set_draw_color(*RULE)
                self.set_line_width(0.2)
                self.line(left, self.y, left + width, self.y)
            top = self.y + gap
            self.set_xy(left, top)
            self.line_of(label, width=width - share, height=line)
            bottom = self.y
            self.set_xy(left + width - share, top)
            self.line_of(amount, width=share, align="R", height=line)
            self.set_xy(self.l_margin, max(bottom, self.y) + gap)

    def sums_height(self, rows: Sequence[Sum], *, width: float) -> float:
        """How much room `sums` takes, in mm."""
        return sum(self._sum_height(row, width) for row in rows)

    def _sum_height(self, row: Sum, width: float) -> float:
        label, amount, strong = row
        line, gap, share = self._sum_pen(amount, width, strong=strong)
        sides = [(label, width - share), (amount, share)]
        return max(self.height_of(text, width=side, height=line) for text, side in sides) + 2 * gap

    def _sum_pen(self, amount: str, width: float, *, strong: bool) -> tuple[float, float, float]:
        """Take the pen of a row of sums: the height of its lines, the gap above and below, the amount's width."""
        self.pen(11 if strong else 9.5, bold=strong)
        share = max(width * 0.4, self.get_string_width(amount) + 3)
        return self.font_size * 1.35, self.font_size * (0.27 if strong else 0.1), share

    def finished(self) -> bytes:
        """The PDF, with the title and the page's number at the foot of each page."""
        self.set_auto_page_break(False)
        for page in range(1, self.pages_count + 1):
            self.page = page
            self.current_font_is_set_on_page = False  # that page ended in a font of its own
            self.set_xy(self.l_margin, -14)
            self.pen(8, color=MUTED)
            self.cell(self.epw / 2, 5, self._title)
            self.cell(self.epw / 2, 5, self.labels.page.format(page=page, pages=self.pages_count), align="R")
        return bytes(self.output())

    def normalize_text(self, text: str) -> str:
        """What can be drawn of a text: composed characters, no control codes, a sign in place of the unknown."""
        composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " "))
        return "".join(self._drawable(char) for char in composed if char not in _TURNING)

    def _drawable(self, char: str) -> str:
        if char == "\n" or self._has(fonts.BASE, char):
            return char
        family = self._script(char)
        if family is not None and self._has(family, char):
            return char
        category = unicodedata.category(char)
        if category == "Zs":
            return " "
        if char in _JOINERS:
            return char
        return "" if category[0] == "C" or char in _SELECTORS else _UNKNOWN

    def _preload_bidirectional_text(self, text: str, markdown: bool) -> Sequence[Fragment]:
        """Split a text into runs of one direction, in an order that fpdf2 then shows as Unicode's rules ask.

        fpdf2 alone gives a joiner the direction of the paragraph, which tears a Persian name in a Latin line, and
        shows a number that follows a right-to-left word of a left-to-right line on the wrong side of it.
        """
        if self.text_shaping is None:
            return super()._preload_bidirectional_text(text, markdown)
        is_plain = all(char < _FIRST_TURNED for char in text)  # most text, and much faster
        base = TextDirection.LTR if is_plain else auto_detect_base_direction(text)
        self.text_shaping["paragraph_direction"] = base
        found: list[Fragment] = []
        for level, part in [(0, text)] if is_plain else _in_order(_levels(text, base), base):
            self.text_shaping["fragment_direction"] = TextDirection.RTL if level % 2 else TextDirection.LTR
            found.extend(self._preload_font_styles(part, markdown))
        return tuple(found)

    def _parse_chars(self, text: str, markdown: bool, **_: Any) -> Iterator[Fragment]:
        """Split a text into runs of one font each.

        fpdf2's own split asks per character, which tears a joiner or a mark from its word and so breaks shaping.
        """
        for family, run in self._runs(text):
            state = self._get_current_graphics_state()
            style = self._style if family == fonts.BASE or family in fonts.BOLD_FILES else ""
            # named for the base font as well: fpdf2 takes the font of a page's first word for that of all that follow
            state.font_family, state.font_style, state.current_font = family, style, self.fonts[family + style]
            yield (Fragment if family == fonts.BASE else _ShapedRun)(run, state, self.k)

    def _runs(self, text: str) -> Iterator[tuple[str, list[str]]]:
        family, run = fonts.BASE, list[str]()
        for char in text:
            wanted = self._family(char, after=family)
            if wanted != family and run:
                yield family, run
                run = []
            family = wanted
            run.append(char)
        if run:
            yield family, run

    def _family(self, char: str, *, after: str) -> str:
        """The font of a character; spaces, joiners and marks stay in the font of the word before them."""
        clings = char in _JOINERS or char == " " or unicodedata.combining(char) > 0
        if clings and after != fonts.BASE and self._has(after, char):
            return after
        if self._has(fonts.BASE, char) or char == "\n":
            return fonts.BASE
        return self._script(char) or after

    def _script(self, char: str) -> str | None:
        family = fonts.script_font(char)
        if family is not None and family not in self.fonts:
            self.add_font(family, "", fonts.FOLDER / fonts.FILES[family])
            if family in fonts.BOLD_FILES:
                self.add_font(family, "B", fonts.FOLDER / fonts.BOLD_FILES[family])
        return family

    def _has(self, family: str, char: str) -> bool:
        font = self.fonts.get(family)
        return isinstance(font, TTFFont) and ord(char) in font.cmap


_FIRST_TURNED: Final = "\u0590"  # no character before it is written from right to left
_JOINERS: Final = frozenset("\u200c\u200d")  # zero-width non-joiner and joiner
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # could turn an amount round
_SELECTORS: Final = frozenset(chr(code) for code in range(0xFE00, 0xFE10))


def _dark_runs(line: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where the dark modules of a row begin, and how many stand together."""
    at = 0
    for dark, run in groupby(line):
        length = len(list(run))
        if dark:
            yield at, length
        at += length


def _levels(text: str, base: TextDirection) -> list[tuple[int, str]]:
    """Runs of equal embedding level (UAX #9), as written; a joiner has the level of what it follows."""
    runs: list[tuple[int, str]] = []
    for char in BidiParagraph(text=text, base_direction=base, preserve_bn_chars=True).get_characters():
        level = runs[-1][0] if runs and char.character in _JOINERS else char.embedding_level
        if runs and runs[-1][0] == level:
            runs[-1] = (level, runs[-1][1] + char.character)
        else:
            runs.append((level, char.character))
    return runs


def _in_order(runs: list[tuple[int, str]], base: TextDirection) -> list[tuple[int, str]]:
    """The runs as fpdf2 wants them: it turns round a right-to-left paragraph, but nothing inside another one."""
    if base == TextDirection.RTL:
        return runs
    placed: list[tuple[int, str]] = []
    inside: list[tuple[int, str]] = []
    for run in runs:
        if run[0]:
            inside.insert(0, run)
        else:
            placed += [*inside, run]
            inside = []
    return placed + inside
