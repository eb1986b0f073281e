/* What is known of one annotation, as lists that the pop-over and the details share. */

import { h } from "./dom";
import { Code, Found, Relation, saidOf } from "./note";
import { State } from "./state";

const NAMES: Record<string, string> = {
  presence: "Presence", temporality: "When", experiencer: "Whose", certainty: "Certainty",
};
const WORDS: Record<string, string> = {
  positive: "certain", positivePossible: "likely", neutralPossible: "open", negativePossible: "unlikely", negative: "ruled out",
  other: "somebody else",
};

export function valueWords(value: string): string { return WORDS[value] ?? value; }

/** Everything that is said of it as names and values, with where it stands and who found it. */
export function factsOf(one: Found): HTMLElement {
  const rows: [string, string][] = [];
  if (one.assertion !== null) {
    for (const name of ["presence", "temporality", "experiencer", "certainty"] as const) { rows.push([NAMES[name], valueWords(one.assertion[name])]); }
  }
  rows.push(...attributesOf(one));
  if (one.section !== "") { rows.push(["Section", saidOf(one.section)]); }
  rows.push(["Found by", one.source === "" ? "–" : one.source]);
  if (one.score !== null) { rows.push(["Score", one.score.toFixed(2)]); }
  return listed(rows);
}

/** Assertion in one line, then the attributes. */
export function briefly(one: Found): HTMLElement[] {
  const told = one.assertion;
  const said = told === null ? null
    : h("p", {}, [told.presence, told.temporality, told.experiencer === "patient" ? "the patient" : valueWords(told.experiencer)].join(" · "));
  const rows = attributesOf(one);
  return [...(said === null ? [] : [said]), ...(rows.length > 0 ? [listed(rows)] : [])];
}

function attributesOf(one: Found): [string, string][] {
  return Object.entries(one.attributes).map(([name, value]) => [name.replace(/_/g, " "), value]);
}

function listed(rows: [string, string][]): HTMLElement {
  return h("dl", { class: "nv-facts" }, ...rows.map(([name, value]) =>
    h("div", {}, h("dt", {}, name[0].toUpperCase() + name.slice(1)), h("dd", {}, value))));
}

/** The meanings of an annotation: rank -> its codes, one of each system. */
export function meanings(one: Found): Map<number, Code[]> {
  const found = new Map<number, Code[]>();
  for (const code of one.codes) {
    const known = found.get(code.rank);
    if (known === undefined) { found.set(code.rank, [code]); } else { known.push(code); }
  }
  return found;
}

/** The codes of the likeliest meaning, each in a line. */
export function codeLines(state: State, one: Found, most: number): HTMLElement[] {
  return one.codes.filter(code => code.rank === 1).slice(0, most).map(code => codeLine(state, code));
}

export function codeLine(state: State, code: Code): HTMLElement {
  return h("p", { class: "nv-code" }, h("span", { class: "soft" }, `${state.data.systems[code.system] ?? "Code"} `),
    h("code", {}, code.code), ` ${code.display}`);
}

/** Every relation of an annotation with its other end. */
export function relationsOf(state: State, one: Found): { relation: Relation; other: Found; isOut: boolean }[] {
  return (state.joined.get(one.id) ?? []).flatMap(index => {
    const relation = state.data.relations[index];
    const isOut = relation.head === one.id;
    const other = state.get(isOut ? relation.tail : relation.head);
    return other === undefined ? [] : [{ relation, other, isOut }];
  });
}
