"""A report as one HTML file: nothing is loaded from anywhere, it reads well aloud, on paper, light and dark."""

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--wash:#f6f8fa;--good:#116329;--bad:#a40e26;
--warn:#7d4e00;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--line:#3d444d;--wash:#151b23;--good:#56d364;
--bad:#ff8182;--warn:#e3b341;--paper:#0d1117}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.25rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}h1{margin:0;font-size:1.6rem}h2{margin:2.2rem 0 .6rem;font-size:1.15rem}
p{margin:.3rem 0;overflow-wrap:anywhere}.soft{color:var(--soft)}
.scores{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));
margin:1.2rem 0;padding:0;list-style:none}.scores li{border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.scores b{display:block;font-size:1.7rem;line-height:1.2}.wrap{overflow-x:auto}
table{border-collapse:collapse;width:100%;
font-size:.9rem}caption{text-align:left;color:var(--soft);padding:.2rem 0}th,td{text-align:left;vertical-align:top;
padding:.35rem .6rem;border-bottom:1px solid var(--line)}thead th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.fail{color:var(--bad);font-weight:650}
.pass{color:var(--good);font-weight:650}.na{color:var(--soft)}
code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}
details{margin:.2rem 0}summary{cursor:pointer}td.heat{text-align:right;font-variant-numeric:tabular-nums}
@media print{details>*{display:block}}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page of a title and parts that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def text(value: object) -> str:
    """A value as text that is no markup."""
    return escape(str(value))


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls in a frame of its own. `columns` are (title, class); cells are HTML."""
    head = "".join(f'<th scope="col" class="{kind}">{text(title)}</th>' for title, kind in columns)
    kinds = [kind for _, kind in columns]
    body = "".join(
        "<tr>"
        + f'<th scope="row" class="{kinds[0]}">{row[0]}</th>'
        + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class=wrap role="region" tabindex="0" aria-label="{text(caption)}"><table><caption>{text(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
