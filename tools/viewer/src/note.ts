/* What the page hands over: a note with what was found in it, as the API's document has it, and words for it. */

export interface Assertion {
  presence: string;
  temporality: string;
  experiencer: string;
  certainty: string;
}

export interface Code {
  system: string;
  code: string;
  display: string;
  score: number;
  rank: number;
}

/** Something that was found. `start` and `end` count UTF-16 units here, code points in the document. */
export interface Found {
  id: string;
  start: number;
  end: number;
  label: string;
  text: string;
  score: number | null;
  section: string;
  source: string;
  attributes: Record<string, string>;
  assertion: Assertion | null;
  codes: Code[];
}

export interface Relation {
  id: string;
  type: string;
  head: string;
  tail: string;
  score: number | null;
  source: string;
}

export interface Section {
  kind: string;
  title: [number, number];
  body: [number, number];
}

export interface Kind {
  key: string;
  title: string;
  labels: string[];
}

export interface NoteData {
  text: string;
  time: string;
  annotations: Found[];
  relations: Relation[];
  sections: Section[];
  sentences: [number, number][];
  kinds: Kind[];
  systems: Record<string, string>;
  /** What of an assertion goes without saying is empty: presence -> value -> words. */
  plain: Record<string, Record<string, string>>;
  /** Labels that can be there or absent. */
  asserted: string[];
  temporal: string[];
  /** The id of the store that takes a correction; empty where nothing may be corrected. */
  correction: string;
}

export const OTHER = "other";

/** Offsets in UTF-16 units of the offsets in code points; null where they are the same. */
export function unitsOf(text: string): number[] | null {
  if (!/[\ud800-\udbff]/.test(text)) { return null; }
  const units: number[] = [];
  let at = 0;
  for (const point of text) {
    units.push(at);
    at += point.length;
  }
  units.push(at);
  return units;
}

/** A label as people read it: `test value`. */
export function saidOf(label: string): string {
  return label.replace(/_/g, " ").toLowerCase();
}

export function number(value: number): string {
  return value.toLocaleString("en-US");
}
