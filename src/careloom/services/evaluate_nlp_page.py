"""What was measured on corpora, and which errors were made, as one HTML page. It quotes the corpora."""

from collections.abc import Iterator

from careloom import html_page
from careloom.services.evaluate_nlp_reports import FIGURES, EvaluateNlpReport, TaskReport, figures

AROUND = 40
"""Characters of a text that are shown on each side of an error."""
_EXPLAINED = {
    "missed": "nothing was found there",
    "spurious": "found where nothing is",
    "borders": "the right label, other borders",
    "label": "the right place, another label",
    "borders and label": "another label and other borders",
}


def page(report: EvaluateNlpReport) -> str:
    """The page: a table of measures, then of each task its labels and examples of its errors."""
    rows = [
        (html_page.text(name), html_page.text(one.name), one.shown, one.range, html_page.text(one.count))
        for name, task in report.tasks.items()
        for one in task.measures
    ]
    columns = (("task", ""), ("measure", ""), ("value", "n"), ("95 %", "n"), ("of", "n"))
    parts = [
        "<h1>How well notes are read</h1>",
        f"<p class=soft>Model {html_page.text(report.model)}; strict: same characters, same label.</p>",
        html_page.table("Measures", columns, rows),
    ]
    for name, why in report.left_out.items():
        parts.append(f"<p>{html_page.text(name)}: {html_page.text(why)}</p>")
    for name, task in report.tasks.items():
        parts += _task(name, task)
    return html_page.page("How well notes are read", parts)


def _task(name: str, task: TaskReport) -> Iterator[str]:
    if not task.scores and not task.errors:
        return
    yield f"<h2>{html_page.text(name)}</h2>"
    for criterion, scores in task.scores.items():
        rows = [
            [html_page.text(label), *figures(tally, scores.interval_of(label))]
            for label, tally in scores.labels.items()
        ]
        columns = [("label", ""), *((title, "n") for title in FIGURES)]
        yield html_page.table(f"By label, {criterion}", columns, rows)
    for kind, errors in sorted(task.errors.items()):
        shown = [
            (
                html_page.text(document),
                html_page.text(gold),
                html_page.text(found),
                _quoted(task.texts[document], start, end),
            )
            for document, start, end, gold, found in errors
        ]
        caption = f"{kind}: {_EXPLAINED[kind]}"
        yield html_page.table(caption, (("document", ""), ("gold", ""), ("found", ""), ("text", "")), shown)


def _quoted(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return f"{html_page.text(before)}<mark>{html_page.text(text[start:end])}</mark>{html_page.text(after)}"
