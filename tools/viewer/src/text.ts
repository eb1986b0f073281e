/* The note itself: every line of its text, and the annotations of the lines in sight; the others are drawn when they come. */

import { h, Ruler } from "./dom";
import { broken, laid, Line, lineAt, lineBelow, Measures, Piece, shownOf } from "./layout";
import { number } from "./note";
import { State } from "./state";

const TEXT_HEIGHT = 24, LANE_HEIGHT = 17, COMPACT_HEIGHT = 6, GAP = 6;
/** So many pixels above and below what is in sight are drawn, too. */
const AROUND = 400;

export class TextPane {
  readonly pane: HTMLElement;
  readonly page: HTMLElement;
  lines: Line[] = [];
  isCompact = false;
  private readonly shown: string;
  private rows: HTMLElement[] = [];
  private drawn: boolean[] = [];
  private marks = new Map<number, HTMLElement[]>();
  private measures: Measures | null = null;
  private isAsked = false;
  private later = 0;
  private readonly rulers = new Map<string, Ruler>();

  constructor(private readonly state: State) {
    this.shown = shownOf(state.data.text);
    this.page = h("div", { class: "nv-page" });
    this.pane = h("div", { class: "nv-pane", role: "group", "aria-label": "The note, marked", tabindex: "0" }, this.page);
    this.pane.addEventListener("scroll", () => this.ask(), { passive: true });
    state.on("filter", () => this.lay());
    state.on("selected", before => this.follow(before));
    state.on("judged", () => this.restyle());
    state.on("changed", () => this.lay());
    state.on("saved", () => this.restyle());
  }

  private ruler(font: string): Ruler {
    const known = this.rulers.get(font) ?? new Ruler(font);
    this.rulers.set(font, known);
    return known;
  }

  /** Breaks the text anew for the width there is, and draws it. */
  fit(): void {
    const isFocused = this.page.contains(document.activeElement);
    const style = getComputedStyle(this.page);
    const size = parseFloat(style.fontSize);
    const width = this.page.clientWidth;
    if (width < 40) { return; }
    this.measures = {
      width, text: this.ruler(`400 ${size}px ${style.fontFamily}`), words: this.ruler(`560 11px ${style.fontFamily}`),
      textHeight: TEXT_HEIGHT, laneHeight: this.isCompact ? COMPACT_HEIGHT : LANE_HEIGHT, gap: GAP, isCompact: this.isCompact,
    };
    const before = this.pane.scrollTop === 0 ? 0 : this.lines[lineBelow(this.lines, this.pane.scrollTop)]?.start ?? 0;
    this.lines = broken(this.shown, this.measures);
    this.rows = this.lines.map(line =>
      h("div", { class: "nv-line" }, h("span", { class: "nv-text" }, this.shown.slice(line.start, line.end) || "\u200b")));
    this.page.replaceChildren(...this.rows);
    this.drawn = new Array<boolean>(this.lines.length).fill(true);
    this.lay(before);
    if (isFocused) { this.focus(this.state.selected); }
  }

  /** Puts what is shown into lanes anew; the line on top stays there, or that of an offset. */
  lay(at?: number): void {
    const measures = this.measures;
    if (measures === null) { return; }
    const anchor = this.lines[at === undefined ? lineBelow(this.lines, this.pane.scrollTop) : lineAt(this.lines, at)];
    const offset = at === undefined ? this.pane.scrollTop - anchor.top : 0;
    const isFocused = this.page.contains(document.activeElement);
    laid(this.lines, this.state.found.map(one =>
      this.state.isShown(one) ? { start: one.start, end: one.end, words: this.state.words(one) } : null), measures);
    this.marks.clear();
    this.lines.forEach((line, index) => {
      const row = this.rows[index];
      if (this.drawn[index] && row.childElementCount > 1) { row.replaceChildren(row.firstElementChild as Node); }
      row.style.height = `${line.height}px`;
      this.drawn[index] = false;
    });
    this.pane.scrollTop = anchor.top + offset;
    this.fill();
    if (isFocused) { this.focus(this.state.selected); }
  }

  private ask(): void {
    if (this.isAsked) { return; }
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.fill();
    });
  }

  /** Draws the annotations of every line in sight; once nothing moves, those around it. */
  private fill(): void {
    this.fillAround(24);
    window.clearTimeout(this.later);
    this.later = window.setTimeout(() => this.fillAround(AROUND), 60);
  }

  private fillAround(around: number): void {
    const top = this.pane.scrollTop - around, bottom = this.pane.scrollTop + this.pane.clientHeight + around;
    for (let at = lineBelow(this.lines, top); at < this.lines.length && this.lines[at].top < bottom; at++) { this.draw(at); }
  }

  private draw(at: number): void {
    if (this.drawn[at]) { return; }
    this.drawn[at] = true;
    const line = this.lines[at];
    const made = line.pieces.map(piece => this.mark(piece));
    this.rows[at].append(...made);
  }

  private mark(piece: Piece): HTMLElement {
    const one = this.state.found[piece.index];
    const lane = this.measures?.laneHeight ?? LANE_HEIGHT;
    const isSelected = one.id === this.state.selected;
    const looks = this.looks(piece.index);
    const top = TEXT_HEIGHT + piece.lane * lane;
    const style = `left:${piece.left}px;top:${top}px;width:${piece.reach}px;height:${lane - 1}px;--w:${piece.width}px;--up:${top}px`;
    const words = this.isCompact ? "" : this.measures?.words.cut(this.state.words(one), piece.reach + 1) ?? "";
    const mark = piece.isFirst
      ? h("button", {
        type: "button", class: looks, style, "data-id": one.id, "aria-label": this.name(piece.index),
        tabindex: isSelected || (this.state.selected === "" && piece.index === 0) ? "0" : "-1",
        "aria-pressed": String(isSelected),
      }, words)
      : h("span", { class: looks, style, "data-id": one.id, "aria-hidden": "true" });
    const known = this.marks.get(piece.index);
    if (known === undefined) { this.marks.set(piece.index, [mark]); } else { known.push(mark); }
    return mark;
  }

  private looks(index: number): string {
    const one = this.state.found[index], verdict = this.state.verdict(one.id);
    const said = this.state.asserted(one).map(each => ` is-${each.replace(/ /g, "-")}`).join("");
    return `nv-mark found-${this.state.kind(one)}${said}${verdict === "" ? "" : ` was-${verdict}`}${one.id === this.state.selected ? " is-selected" : ""}`;
  }

  /** Looks and names anew, where words and place are as they were. */
  private restyle(): void {
    for (const [index, marks] of this.marks) {
      const looks = this.looks(index);
      for (const mark of marks) {
        if (mark.className === looks) { continue; }
        mark.className = looks;
        if (mark.tagName === "BUTTON") { mark.setAttribute("aria-label", this.name(index)); }
      }
    }
  }

  /** What a screen reader says of an annotation: its words, what it is, how it is meant, its code, and where it stands. */
  name(index: number): string {
    const one = this.state.found[index];
    const code = one.codes.length > 0 ? `, ${one.codes[0].display || one.codes[0].code}` : "";
    const verdict = this.state.verdict(one.id);
    const judged = verdict === "" ? "" : `, ${verdict}`;
    return `${one.text}, ${this.state.words(one).replace(/ · /g, ", ")}${code}${judged}, ${number(index + 1)} of ${number(this.state.found.length)}`;
  }

  /* ---- the selected one ---- */

  private follow(before: string): void {
    this.paint(before, false);
    this.paint(this.state.selected, true);
  }

  private paint(id: string, isOn: boolean): void {
    const index = this.state.place.get(id);
    if (index === undefined) { return; }
    for (const mark of this.marks.get(index) ?? []) {
      mark.classList.toggle("is-selected", isOn);
      if (mark.tagName === "BUTTON") {
        mark.tabIndex = isOn ? 0 : -1;
        mark.setAttribute("aria-pressed", String(isOn));
      }
    }
  }

  /** Brings an annotation into sight, if it is not; draws it and gives its first mark. */
  reveal(id: string): HTMLElement | null {
    const index = this.state.place.get(id);
    if (index === undefined || this.lines.length === 0) { return null; }
    const at = lineAt(this.lines, this.state.found[index].start);
    this.draw(at);
    this.toLine(at, false);
    return this.marks.get(index)?.[0] ?? null;
  }

  /** Moves the focus to an annotation. */
  focus(id: string): void {
    this.reveal(id)?.focus({ preventScroll: true });
    const frame = this.pane.getBoundingClientRect();
    if (frame.bottom < 120 || frame.top > window.innerHeight - 120) { this.pane.scrollIntoView({ block: "center" }); }
  }

  toLine(at: number, isAlways: boolean): void {
    const line = this.lines[at];
    if (line === undefined) { return; }
    const top = this.pane.scrollTop, height = this.pane.clientHeight;
    const isInSight = line.top >= top + 8 && line.top + line.height <= top + height - 8;
    if (isAlways) { this.pane.scrollTop = line.top - 8; } else if (!isInSight) { this.pane.scrollTop = line.top - height / 3; }
    this.fill();
  }

  /* ---- where the pointer is, and where marks are ---- */

  /** The annotation under a point of the window; in the text the shortest that covers it. */
  hit(x: number, y: number): string {
    const frame = this.page.getBoundingClientRect();
    const left = x - frame.left, top = y - frame.top;
    const line = this.lines[lineBelow(this.lines, top)];
    if (line === undefined || top < 0 || top > line.top + line.height) { return ""; }
    const below = top - line.top - TEXT_HEIGHT;
    const lane = below < 0 ? -1 : Math.floor(below / (this.measures?.laneHeight ?? LANE_HEIGHT));
    let best: Piece | null = null;
    for (const piece of line.pieces) {
      const width = lane < 0 ? piece.width : piece.reach;
      if (left < piece.left || left > piece.left + width || (lane >= 0 && piece.lane !== lane)) { continue; }
      if (best === null || piece.width < best.width) { best = piece; }
    }
    return best === null ? "" : this.state.found[best.index].id;
  }

  /** The first piece of an annotation, in pixels of the page; null where it is not shown. */
  box(id: string): { left: number; top: number; width: number; bottom: number } | null {
    const index = this.state.place.get(id);
    if (index === undefined || this.lines.length === 0) { return null; }
    const line = this.lines[lineAt(this.lines, this.state.found[index].start)];
    const piece = line.pieces.find(each => each.index === index && each.isFirst);
    if (piece === undefined) { return null; }
    const bottom = line.top + TEXT_HEIGHT + (piece.lane + 1) * (this.measures?.laneHeight ?? LANE_HEIGHT);
    return { left: piece.left, top: line.top, width: piece.width, bottom };
  }

  /** The annotation nearest to the selected one in the next line up or down that has any. */
  beside(by: 1 | -1): string {
    const index = this.state.place.get(this.state.selected);
    if (index === undefined) { return this.state.step(by); }
    const own = lineAt(this.lines, this.state.found[index].start);
    const from = this.box(this.state.selected)?.left ?? 0;
    for (let at = own + by; at >= 0 && at < this.lines.length; at += by) {
      const first = this.lines[at].pieces.filter(piece => piece.isFirst);
      if (first.length === 0) { continue; }
      const nearest = first.reduce((best, each) => (Math.abs(each.left - from) < Math.abs(best.left - from) ? each : best));
      return this.state.found[nearest.index].id;
    }
    return this.state.selected;
  }
}
