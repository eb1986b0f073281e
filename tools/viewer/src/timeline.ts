/* When it was: each annotation that has a place in time as a bar or a point, by the note's own telling. */

import { h } from "./dom";
import { Found } from "./note";
import { State } from "./state";

const MOST = 60;

interface Event { one: Found; from: number; to: number; isOpen: boolean }

/** The first moment of a date, or of the year or month it names; NaN for what is none. */
function moment(value: string, isEnd: boolean): number {
  const parts = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?/.exec(value);
  if (parts === null) { return NaN; }
  const year = Number(parts[1]), month = parts[2], day = parts[3];
  if (day !== undefined) { return Date.UTC(year, Number(month) - 1, Number(day)); }
  if (month !== undefined) { return isEnd ? Date.UTC(year, Number(month), 0) : Date.UTC(year, Number(month) - 1, 1); }
  return isEnd ? Date.UTC(year, 11, 31) : Date.UTC(year, 0, 1);
}

function events(state: State): Event[] {
  const found: Event[] = [];
  for (const one of state.found) {
    const start = one.attributes.start ?? "", end = one.attributes.end ?? "";
    const from = moment(start, false), to = moment(end, true);
    if (Number.isNaN(from) && Number.isNaN(to)) { continue; }
    found.push({ one, from: Number.isNaN(from) ? to : from, to: Number.isNaN(to) ? from : to, isOpen: Number.isNaN(from) || Number.isNaN(to) });
  }
  return found.sort((first, second) => first.from - second.from || first.to - second.to).slice(0, MOST);
}

/** Null where nothing in the note has a time. */
export function timeline(state: State, go: (id: string, isFocused: boolean) => void): HTMLElement | null {
  const found = events(state);
  if (found.length === 0) { return null; }
  const written = moment(state.data.time, false);
  const times = found.flatMap(each => [each.from, each.to]).concat(Number.isNaN(written) ? [] : [written]);
  const first = Math.min(...times), last = Math.max(...times);
  const pad = Math.max((last - first) * 0.03, 86_400_000);
  const share = (time: number): number => ((time - first + pad) / (last - first + 2 * pad)) * 100;
  const rows = found.map(each => {
    const left = share(each.from), width = Math.max(0.9, share(each.to) - left);
    const span = each.one.attributes.start === each.one.attributes.end || !each.one.attributes.end
      ? each.one.attributes.start ?? each.one.attributes.end : `${each.one.attributes.start ?? "…"} to ${each.one.attributes.end}`;
    const words = state.asserted(each.one);
    const button = h("button", {
      type: "button", class: `nv-event found-${state.kind(each.one)}${each.isOpen ? " is-open" : ""}`, "data-of": each.one.id,
      style: `--left:${left.toFixed(2)}%;--width:${width.toFixed(2)}%`,
      "aria-label": `${each.one.text}${words.length > 0 ? `, ${words.join(", ")}` : ""}, ${span}`, title: String(span),
    }, h("span", { class: left > 62 ? "nv-event-words is-left" : "nv-event-words" }, each.one.text, words.length > 0 ? h("span", { class: "soft" }, ` · ${words.join(", ")}`) : null));
    button.addEventListener("click", () => go(each.one.id, true));
    return h("li", {}, button);
  });
  const marks = ticks(first, last).map(tick => h("span", { style: `left:${share(tick.at).toFixed(2)}%` }, tick.words));
  const note = Number.isNaN(written) ? null
    : h("span", { class: "nv-written", style: `left:${share(written).toFixed(2)}%`, title: "The note was written" });
  return h("div", { class: "nv-timeline" },
    h("div", { class: "nv-axis", "aria-hidden": "true" }, ...marks), h("ol", {}, note === null ? null : h("li", { class: "nv-written-slot", "aria-hidden": "true" }, note), ...rows));
}

function ticks(first: number, last: number): { at: number; words: string }[] {
  const days = (last - first) / 86_400_000;
  const made: { at: number; words: string }[] = [];
  const from = new Date(first), year = from.getUTCFullYear();
  if (days > 900) {
    const step = Math.max(1, Math.ceil(days / 365 / 6));
    for (let each = year - (year % step) + step; Date.UTC(each, 0, 1) <= last; each += step) { made.push({ at: Date.UTC(each, 0, 1), words: String(each) }); }
  } else {
    const step = Math.max(1, Math.ceil(days / 30 / 6));
    for (let each = from.getUTCMonth() + 1; Date.UTC(year, each, 1) <= last; each += step) {
      const at = Date.UTC(year, each, 1);
      made.push({ at, words: new Date(at).toLocaleDateString("en-GB", { month: "short", year: "numeric", timeZone: "UTC" }) });
    }
  }
  return made.length > 0 ? made : [{ at: first, words: new Date(first).toISOString().slice(0, 10) }];
}
