"""A card as one HTML page: what is asked for and where each value comes from; measures; groups; coverage."""

from collections.abc import Iterable, Iterator
from typing import Any

from careloom.html_page import page, table, text
from careloom.mlops.card import Card
from careloom.mlops.card_answers import NAMES, Answer
from careloom.mlops.card_attributes import notice, rule
from careloom.mlops.card_measures import counts, interval, number, titles
from careloom.mlops.card_tripod import Item, by_item

Json = dict[str, Any]
_STATES = {
    "computed": ("pass", "computed"),
    "declared": ("pass", "declared"),
    "unavailable": ("na", "not available"),
    "not declared": ("fail", "not declared"),
    "not computed": ("fail", "not computed"),
    "reported": ("pass", "reported"),
    "partly": ("na", "partly"),
    "not reported": ("fail", "not reported"),
    "ok": ("pass", "ok"),
    "warning": ("fail", "warning"),
    "alarm": ("fail", "alarm"),
    "unknown": ("na", "not looked at yet"),
}
_GROUP_COLUMNS = (
    ("n", "rows"), ("events", "with the outcome"), ("auroc", "AUROC"), ("auroc_low", "low"), ("auroc_high", "high"),
    ("ece", "ECE"), ("selection_rate", "alerts"), ("true_positive_rate", "TPR"), ("false_positive_rate", "FPR"),
    ("ppv", "PPV"),
)  # fmt: skip


def as_html(card: Card) -> str:
    """The page; nothing is loaded from anywhere."""
    title = f"{card.name}, version {card.version}"
    return page(
        f"Model card: {title}",
        [
            f"<h1>{text(title)}</h1>",
            f"<p class=soft>Model card, made {card.made_at:%Y-%m-%d %H:%M} UTC. "
            f"Registered {card.registered_at:%Y-%m-%d}, digest <code>{text(card.digest)}</code>.</p>",
            _scores(card),
            f"<p><strong>{text(notice())}</strong></p>",
            _stale(card),
            *_groups(card),
            *(part for name, one in card.evaluations.items() for part in _evaluation(name, one)),
            _monitoring(card.monitoring),
            _further(card),
            _tripod(card.tripod),
            _lineage(card.lineage),
        ],
    )


def _scores(card: Card) -> str:
    items = by_item(card.tripod)
    whole = sum(state == "reported" for state in items.values())
    found = card.counts
    told = [
        (f"{found['answered']} of {found['asked']}", "attributes of HTI-1 answered"),
        (str(found["computed"]), "computed from what is kept"),
        (str(found["declared"]), "declared by a person"),
        (str(found["unavailable"]), "said to be not available"),
        (str(found["missing"]), "not told at all"),
        (str(len(card.stale)), "out of date"),
        (f"{whole} of {len(items)}", "items of TRIPOD+AI reported in full"),
    ]
    return f"<ul class=scores>{''.join(f'<li><b>{text(big)}</b>{text(small)}</li>' for big, small in told)}</ul>"


def _stale(card: Card) -> str:
    if not card.stale:
        return "<p class=pass>Nothing is out of date: this card does not keep the version from being promoted.</p>"
    rows = [
        (
            f"{one.number}",
            text(card.of(one.id).title),
            text(one.why),
            "yes" if one.is_computable else "a person looks at it",
        )
        for one in card.stale
    ]
    columns = (("", "n"), ("attribute", ""), ("why", ""), ("keeps from promotion", ""))
    return "<h2>Out of date</h2>" + table("Attributes that cannot be relied on", columns, rows)


def _groups(card: Card) -> Iterator[str]:
    for group in dict.fromkeys(one.group for one in card.answers):
        yield f"<h2>{text(group)}</h2>"
        rows = [one for one in card.answers if one.group == group]
        yield _answers(f"{rule()}{rows[0].paragraph.partition(')')[0]})", rows)


def _answers(caption: str, rows: Iterable[Answer]) -> str:
    columns = (("", "n"), ("attribute", ""), ("value", ""), ("state", ""), ("from", ""))
    cells = [
        (
            str(one.number or ""),
            f"{text(one.title)} <span class=soft>{text(one.paragraph)}</span>",
            _lines(one.text) + (f"<p class=soft>{text(one.remark)}</p>" if one.remark else ""),
            _state(one.state),
            f"<span class=soft>{text(one.source)}</span>",
        )
        for one in rows
    ]
    return table(caption, columns, cells)


def _lines(words: str) -> str:
    return "<br>".join(text(line) for line in words.split("\n"))


def _state(state: str) -> str:
    kind, shown = _STATES[state]
    return f'<span class="{kind}">{text(shown)}</span>'


def _evaluation(name: str, one: Json) -> Iterator[str]:
    yield f"<h2>{text(NAMES[name].capitalize())}</h2>"
    yield f"<p class=soft>{text(one['data'])}: {counts(one['counts'])}judged {text(one['at'][:10])}.</p>"
    measures = one["measures"]
    rows = [(text(title), text(interval(measures[name]))) for name, title in titles(measures).items()]
    yield table("Measures with their 95 % intervals", (("measure", ""), ("value", "n")), rows)
    if one["subgroups"]:
        columns = [("attribute", ""), ("group", ""), *((title, "n") for _, title in _GROUP_COLUMNS)]
        yield table("By group; groups that are too small stay without numbers", columns, map(_group, one["subgroups"]))


def _group(row: Json) -> list[str]:
    cells = [text(str(row["attribute"]).replace("_", " ")), text(row["group"])]
    return cells + [_cell(row.get(name)) for name, _ in _GROUP_COLUMNS]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "<span class=na>none</span>"
    return f"{value:,}" if isinstance(value, int) else number(value)


def _monitoring(told: Json | None) -> str:
    if told is None:
        return "<h2>Monitoring</h2><p class=soft>The version has not been served: nothing was looked at.</p>"
    rows = [
        (text(one["name"]), text(one["about"]), _cell(one["value"]), _cell(one["limit"]), _state(one["state"]))
        for one in told["watched"]
    ]
    columns = (("what", ""), ("about", ""), ("found", "n"), ("limit", "n"), ("state", ""))
    return "<h2>Monitoring</h2>" + table(f"Looked at {told['at'][:16].replace('T', ' ')} UTC", columns, rows)


def _further(card: Card) -> str:
    told = [one for one in card.further if one.text]
    lacking = [one.title for one in card.further if not one.text]
    more = f"<p class=soft>Not declared: {text(', '.join(lacking))}.</p>" if lacking else ""
    return "<h2>Also declared</h2>" + (_answers("What other cards ask for", told) if told else "") + more


def _tripod(items: Iterable[Item]) -> str:
    rows = [
        (
            text(one.item),
            text(one.topic),
            text(one.wording),
            text(one.applies),
            _state(one.state),
            _lines(one.text)
            or f"<span class=soft>{text(', '.join((*one.where, *one.lacking)).replace('_', ' '))}</span>",
        )
        for one in items
    ]
    columns = (("item", ""), ("topic", ""), ("what is told", ""), ("D/E", ""), ("state", ""), ("here", ""))
    return "<h2>Coverage of TRIPOD+AI</h2>" + table("BMJ 2024;385:e078378", columns, rows)


def _lineage(lineage: Json) -> str:
    rows = [(text(name), f"<code>{text(value)}</code>") for name, value in sorted(lineage.items())]
    return "<h2>Lineage</h2>" + table("As registered", (("what", ""), ("value", "")), rows) if rows else ""
