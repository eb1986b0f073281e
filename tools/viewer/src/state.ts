/* What is known and chosen: the annotations as they stand, which are shown, which one is selected, and a way back. */

import { Assertion, Code, Found, NoteData, OTHER, saidOf, unitsOf } from "./note";

export type Verdict = "accepted" | "changed" | "rejected" | "";
/** `judged` leaves words as they are, `changed` does not. */
export type Topic = "selected" | "filter" | "judged" | "changed" | "saved";

interface Edit {
  id: string;
  said: string;
  before: Found;
  verdict: Verdict;
}

const CERTAINTY: Record<string, string> = { present: "positive", absent: "negative" };

export class State {
  readonly found: Found[];
  readonly place = new Map<string, number>();
  readonly kindOf = new Map<string, string>();
  readonly joined = new Map<string, number[]>();
  readonly hidden = new Set<string>();
  /** Only what is said so: presence, `historical` or `family`; everything where empty. */
  said = "";
  selected = "";
  readonly verdicts = new Map<string, Verdict>();
  private readonly edits: Edit[] = [];
  private readonly listeners: [Topic, (words: string) => void][] = [];

  constructor(readonly data: NoteData) {
    const units = unitsOf(data.text);
    const at = (point: number): number => (units === null ? point : units[Math.min(point, units.length - 1)]);
    this.found = data.annotations.map(one => ({ ...one, start: at(one.start), end: at(one.end) }));
    this.found.sort((one, other) => one.start - other.start || other.end - one.end);
    this.found.forEach((one, index) => this.place.set(one.id, index));
    for (const kind of data.kinds) { for (const label of kind.labels) { this.kindOf.set(label, kind.key); } }
    data.relations.forEach((one, index) => {
      for (const end of [one.head, one.tail]) {
        const known = this.joined.get(end);
        if (known === undefined) { this.joined.set(end, [index]); } else { known.push(index); }
      }
    });
    this.offset = at;
  }

  /** A place in code points as UTF-16 units. */
  readonly offset: (point: number) => number;

  on(topic: Topic, listener: (words: string) => void): void { this.listeners.push([topic, listener]); }

  private tell(topic: Topic, words = ""): void {
    for (const [wanted, listener] of this.listeners) { if (wanted === topic) { listener(words); } }
  }

  get(id: string): Found | undefined {
    const index = this.place.get(id);
    return index === undefined ? undefined : this.found[index];
  }

  kind(one: Found): string { return this.kindOf.get(one.label) ?? OTHER; }

  /** What is said of it beyond that it is there, now, in the patient. */
  asserted(one: Found): string[] {
    const told = one.assertion;
    if (told === null) { return []; }
    return (["presence", "temporality", "experiencer"] as const)
      .map(name => this.data.plain[name]?.[told[name]] ?? "").filter(words => words !== "");
  }

  words(one: Found): string { return [saidOf(one.label), ...this.asserted(one)].join(" · "); }

  isShown(one: Found): boolean {
    if (this.hidden.has(this.kind(one))) { return false; }
    if (this.said === "") { return true; }
    const told = one.assertion;
    if (told === null) { return false; }
    return told.presence === this.said || told.temporality === this.said || told.experiencer === this.said;
  }

  select(id: string): void {
    if (id === this.selected || (id !== "" && !this.place.has(id))) { return; }
    const before = this.selected;
    this.selected = id;
    this.tell("selected", before);
  }

  /** The shown one after or before the selected one; the first or last where none is. */
  step(by: 1 | -1): string {
    const from = this.selected === "" ? (by > 0 ? -1 : this.found.length) : this.place.get(this.selected) ?? -1;
    for (let at = from + by; at >= 0 && at < this.found.length; at += by) {
      if (this.isShown(this.found[at])) { return this.found[at].id; }
    }
    return this.selected;
  }

  end(isLast: boolean): string {
    const shown = this.found.filter(one => this.isShown(one));
    return shown.length === 0 ? "" : (isLast ? shown[shown.length - 1] : shown[0]).id;
  }

  toggle(kind: string): void {
    if (!this.hidden.delete(kind)) { this.hidden.add(kind); }
    this.tell("filter");
  }

  narrow(said: string): void {
    this.said = said;
    this.tell("filter");
  }

  /* ---- corrections ---- */

  get isEditable(): boolean { return this.data.correction !== ""; }

  get count(): number { return this.verdicts.size; }

  verdict(id: string): Verdict { return this.verdicts.get(id) ?? ""; }

  judge(id: string, verdict: "accepted" | "rejected"): void {
    const one = this.get(id);
    if (one !== undefined && this.verdict(id) !== verdict) { this.edit(one, one, verdict, `${verdict}: ${one.text}`); }
  }

  relabel(id: string, label: string): void {
    const one = this.get(id);
    if (one === undefined || one.label === label) { return; }
    const canAssert = this.data.asserted.includes(label);
    const assertion = canAssert ? one.assertion ?? usual() : this.data.asserted.includes(one.label) ? null : one.assertion;
    this.edit(one, { ...one, label, assertion, score: null }, "changed", `${one.text} is now ${saidOf(label)}`);
  }

  assert(id: string, name: keyof Assertion, value: string): void {
    const one = this.get(id);
    const told = one?.assertion ?? usual();
    if (one === undefined || told[name] === value) { return; }
    const made = { ...told, [name]: value };
    if (name === "presence") { made.certainty = CERTAINTY[value] ?? "neutralPossible"; }
    this.edit(one, { ...one, assertion: made }, "changed", `${one.text} is now ${value}`);
  }

  /** Makes a meaning the likeliest: codes of one rank are of one meaning. */
  mean(id: string, rank: number): void {
    const one = this.get(id);
    if (one === undefined || rank === 1) { return; }
    const codes = one.codes.map(each => ({ ...each, rank: each.rank === rank ? 1 : each.rank < rank ? each.rank + 1 : each.rank }));
    codes.sort((first, second) => first.rank - second.rank);
    this.edit(one, { ...one, codes }, "changed", `${one.text} is now ${codes[0].code}`);
  }

  /** Gives a code that nobody proposed, before all others; null takes all codes away. */
  code(id: string, chosen: Code | null): void {
    const one = this.get(id);
    if (one === undefined || (chosen === null && one.codes.length === 0)) { return; }
    const rest = one.codes.map(each => ({ ...each, rank: each.rank + 1 }));
    const codes = chosen === null ? [] : [chosen, ...rest];
    this.edit(one, { ...one, codes }, "changed", chosen === null ? `${one.text} has no code` : `${one.text} is now ${chosen.code}`);
  }

  undo(): void {
    const last = this.edits.pop();
    if (last === undefined) { return; }
    const at = this.place.get(last.id) ?? 0;
    const topic = this.found[at] === last.before ? "judged" : "changed";
    this.found[at] = last.before;
    if (last.verdict === "") { this.verdicts.delete(last.id); } else { this.verdicts.set(last.id, last.verdict); }
    this.select(last.id);
    this.tell(topic, `Undone: ${last.said}`);
  }

  /** What was corrected is kept now: nothing is left to undo. */
  kept(): void {
    this.edits.length = 0;
    this.verdicts.clear();
    this.tell("saved");
  }

  private edit(before: Found, after: Found, verdict: Verdict, said: string): void {
    this.edits.push({ id: before.id, said, before, verdict: this.verdict(before.id) });
    this.found[this.place.get(before.id) ?? 0] = after;
    this.verdicts.set(before.id, verdict);
    this.tell(before === after ? "judged" : "changed", said[0].toUpperCase() + said.slice(1));
  }

  /** The document with every correction, offsets in code points as it came. What a person judged is a person's word. */
  corrected(): Pick<NoteData, "annotations" | "relations" | "sections" | "sentences"> {
    const origin = new Map(this.data.annotations.map(one => [one.id, one]));
    const kept = this.found.filter(one => this.verdict(one.id) !== "rejected").map(one => {
      const { start, end } = origin.get(one.id) ?? one;
      const isJudged = this.verdict(one.id) !== "";
      return { ...one, start, end, source: isJudged ? "person" : one.source, score: isJudged ? null : one.score };
    });
    const ids = new Set(kept.map(one => one.id));
    const relations = this.data.relations.filter(one => ids.has(one.head) && ids.has(one.tail));
    return { annotations: kept, relations, sections: this.data.sections, sentences: this.data.sentences };
  }
}

function usual(): Assertion {
  return { presence: "present", temporality: "current", experiencer: "patient", certainty: "positive" };
}
