"""The report of ``claims``: one page in the notes' order, the sentence, the figures, the picture, the correction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tinygrad_lstm.errors import MissingExtraError
from tinygrad_lstm.escaping import element_id, markup
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.lab import Result
from tinygrad_lstm.lab.conditions import show
from tinygrad_lstm.pages import filled, picture, wide_figure

PAGE = "index.html"
THEMES: dict[Literal["light", "dark"], str] = {"light": "", "dark": "_dark"}  # and the end of the file's name
WIDE = 1000  # points: a picture of more is not readable on a phone, and scrolls


def file_name(id: str, theme: Literal["light", "dark"]) -> str:
    """The file of a claim's picture: I4L and I4l differ where the system ignores case, too.

    >>> file_name("T62''", "dark"), file_name("I4l", "light")
    ('T62-prime-prime_dark.svg', 'I4-l.svg')
    """
    name = re.sub("([a-z])$", r"-\1", id).replace("'", "-prime")
    return f"{name}{THEMES[theme]}.svg"


def save_picture(result: Result, out: Path) -> str:
    """Write the picture of a claim, light and dark; returns it as an element of the page, or nothing."""
    if result.drawing is None:
        return ""
    width = 0.0
    for theme in THEMES:
        try:
            svg = result.svg(theme) or ""
        except MissingExtraError as missing:
            return f"<p>Not drawn: {markup(str(missing))}</p>"
        box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+)', svg)
        width = float(box[1]) if box else 0.0
        with whole_file(out / file_name(result.claim.id, theme)) as file:
            file.write(svg.encode())
    light, dark = (file_name(result.claim.id, theme) for theme in THEMES)
    image = picture(light, dark, f"{result.claim.sentence} {result.claim.expected}")
    return wide_figure(image, result.claim.sentence) if width > WIDE else f"<figure>{image}</figure>"


def html(results: Sequence[tuple[Result, str]], seconds: float) -> str:
    """The page, of results with the elements of their pictures."""
    sections = list(dict.fromkeys(result.claim.section for result, _ in results))
    failed = [result.claim.id for result, _ in results if not result.passed]
    count = f"{len(results)} claim{'s' * (len(results) != 1)}"
    passed = "all pass" if not failed else f"{len(results) - len(failed)} pass, {', '.join(failed)} fail"
    seed, broken = results[0][0].seed, results[0][0].broken
    summary = f"{count}, seed {seed}{f', broken on purpose: {broken}' if broken else ''}: {passed}, in {seconds:.0f} s."
    parts = []
    for section in sections:
        articles = [article(result, image) for result, image in results if result.claim.section == section]
        parts.append(f'<section id="{section.name}">\n<h2>{markup(section.title)}</h2>\n{"".join(articles)}</section>')
    contents = [f'<li><a href="#{section.name}">{markup(section.title)}</a></li>' for section in sections]
    return filled("claims.html", summary=markup(summary), contents="\n".join(contents), sections="\n".join(parts))


def number(text: str) -> str:
    """Markup in which a line never breaks within 1e-12.

    >>> ascii(number("below 1e-12"))
    "'below 1e\\\\u201112'"
    """
    return markup(text).replace("e-", "e\u2011")


def article(result: Result, image: str) -> str:
    """One claim."""
    claim = result.claim
    rows = "\n".join(
        f'<tr><th scope="row">{markup(check.name)}</th><td>{number(check.condition)}</td>'
        f"<td{'' if check.holds else ' class=fail'}>{number(show(check.value))}</td></tr>"
        for check in result.checks
    )
    note = f'<p class="note"><b>Where the notes are loose</b>{markup(claim.correction)}</p>' if claim.correction else ""
    broken = (
        f'<p class="broken">Broken on purpose it fails: {markup("; ".join(claim.broken))}.</p>' if claim.broken else ""
    )
    beside = image and "figure" in image and "wide" not in image
    return (
        f'<article id="{element_id(claim.id)}"{"" if beside else " class=alone"}>\n<div>\n'
        f'<p class="id">{markup(claim.id)} · {claim.kind} · '
        f'<span class="{result.verdict.lower()}">{result.verdict}</span></p>\n'
        f"<h3>{markup(claim.sentence)}</h3>\n<p>{markup(claim.expected)}</p>\n"
        f'<table><caption>Figures of {markup(claim.id)}</caption><thead><tr><th scope="col">figure</th>'
        f'<th scope="col">expected</th><th scope="col">measured</th></tr></thead>\n<tbody>\n{rows}\n</tbody></table>\n'
        f"{note}{broken}</div>\n{image}</article>\n"
    )
