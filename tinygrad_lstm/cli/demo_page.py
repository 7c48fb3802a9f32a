"""The page that shows what the demo made: one HTML file beside its pictures, no network, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from tinygrad_lstm.escaping import markup, markup_lines
from tinygrad_lstm.training import CharModel

CAPTIONS = {
    "gradient_paths": (
        "Where the gradient went",
        "The loss reads only the last step. Orange: along the cell state, scaled by the forget gate alone. Blue, "
        "dashed: through gates and hidden state. The width of a line is the logarithm of the gradient that really ran "
        "along it. player.html steps through it, event by event.",
    ),
    "unrolled_graph": (
        "The unrolled graph",
        "Every operation of the same batch, one box for each time step: what backpropagation through time walks back "
        "along.",
    ),
    "training_curve": ("How it learned", "Bits per character, against what a model without memory pays."),
}

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tinygrad_lstm: $name</title>
<style>
  :root { color-scheme: light dark; --ink: #1f2933; --soft: #5f6c7b; --paper: #ffffff; --panel: #f6f8fa;
          --line: #d5dce4; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e5e9ef; --soft: #9aa7b6; --paper: #111827; --panel: #1a2333; --line: #334155; }
  }
  body { font: 16px/1.55 Helvetica, Arial, sans-serif; color: var(--ink); background: var(--paper); max-width: 1200px;
         margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.25rem; margin-top: 2.2rem } p { max-width: 46rem }
  .soft { color: var(--soft) }
  table { border-collapse: collapse } td, th { padding: .25rem 1rem .25rem 0; text-align: right }
  td:first-child, th:first-child { text-align: left } tr.best { font-weight: bold }
  pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 1rem;
        white-space: pre-wrap; overflow-wrap: anywhere }
  figure { margin: 0; overflow-x: auto } figure img { width: 100%; min-width: 1000px; height: auto }
</style>
<h1>A character LSTM on $name</h1>
<p class="soft">$parameters parameters, trained in $seconds s by backpropagation through the graph alone.</p>
<h2>Bits per character on text it never saw</h2>
<table><tr><th>model</th><th>bits</th><th>below bigram</th></tr>$rows</table>
<h2>What it writes</h2>
<pre>$spoken</pre>
$figures
</html>
""")


def rows(bits: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """The table of results: model, bits per character, and for the network how far below the bigram it is."""
    below = f"{round(bits['bigram'] - bits['LSTM'], 2) + 0.0:.2f}"
    return [(name, f"{value:.2f}", below if name == "LSTM" else "") for name, value in bits.items()]


def html(
    name: str,
    model: CharModel,
    bits: Mapping[str, float],
    spoken: str,
    pictures: Mapping[str, Sequence[Path]],
    seconds: float,
) -> str:
    """The page as text; pictures are linked by file name, the dark twin where the reader's screen is dark."""
    lines = (
        f"<tr{' class=best' if row[0] == 'LSTM' else ''}>"
        + "".join(f"<td>{markup(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows(bits)
    )
    return PAGE.substitute(
        name=markup(name), parameters=f"{model.parameter_count():,}", seconds=f"{seconds:.0f}", rows="".join(lines),
        spoken=markup_lines(spoken), figures="\n".join(_figure(kind, files) for kind, files in pictures.items()),
    )  # fmt: skip


def _figure(kind: str, files: Sequence[Path]) -> str:
    title, text = CAPTIONS[kind]
    drawn = {path.stem: path.name for path in files if path.suffix == ".svg"}
    links = ", ".join(f'<a href="{markup(path.name)}">{markup(path.name)}</a>' for path in files)
    if kind not in drawn:
        return f"<h2>{title}</h2><p>{text}</p><p>Not drawn: Graphviz is missing. Its source: {links}</p>"
    dark = (
        f'<source srcset="{markup(drawn[kind + "_dark"])}" media="(prefers-color-scheme: dark)">'
        if kind + "_dark" in drawn
        else ""
    )
    return (
        f"<h2>{title}</h2><p>{text}</p><figure><picture>{dark}"
        f'<img src="{markup(drawn[kind])}" alt="{markup(title)}"></picture></figure><p class="soft">Files: {links}</p>'
    )
