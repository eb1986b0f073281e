/* What belongs to what: each annotation once, those that say something of it to its right; temporal order is left out. */

import { h, Ruler, s } from "./dom";
import { Relation } from "./note";
import { State } from "./state";

const ROW = 30, COLUMN = 208, MOST = 200, CHIP = 22, WIDEST = 150;

interface Node { id: string; column: number; row: number; width: number }

type Go = (id: string, isFocused: boolean) => void;

/** Null where nothing is related. Each group that hangs together is a drawing of its own. */
export function graph(state: State, go: Go): HTMLElement | null {
  const relations = state.data.relations.filter(one => !state.data.temporal.includes(one.type)).slice(0, MOST);
  if (relations.length === 0) { return null; }
  const ruler = new Ruler(`560 12px ${getComputedStyle(document.body).fontFamily}`);
  const width = (id: string): number => Math.min(WIDEST, ruler.of(short(state.get(id)?.text ?? "")) + 18);
  const groups = together(relations).map(group => drawing(state, group, placed(group, width), go));
  return h("div", { class: "nv-graph", role: "group", "aria-label": "Graph of relations" }, ...groups);
}

/** Relations by what hangs together, in the order of the first of each. */
function together(relations: Relation[]): Relation[][] {
  const parent = new Map<string, string>();
  const root = (id: string): string => {
    let at = id;
    for (let next = parent.get(at); next !== undefined && next !== at; next = parent.get(at)) { at = next; }
    return at;
  };
  for (const one of relations) {
    const head = root(one.head), tail = root(one.tail);
    if (head !== tail) { parent.set(tail, head); }
  }
  const groups = new Map<string, Relation[]>();
  for (const one of relations) {
    const group = root(one.head);
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return [...groups.values()];
}

function drawing(state: State, relations: Relation[], nodes: Map<string, Node>, go: Go): HTMLElement {
  const all = [...nodes.values()];
  const width = Math.max(...all.map(node => node.column * COLUMN + node.width)) + 2;
  const height = (Math.max(...all.map(node => node.row)) + 1) * ROW + 6;
  const made = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
  for (const relation of relations) { made.append(...edge(nodes, relation)); }
  for (const node of all) { made.append(chip(state, node, go)); }
  return h("div", { class: "nv-group" }, made);
}

/** Heads in the first column, what is said of them one column on, each in a row of its own. */
function placed(relations: Relation[], width: (id: string) => number): Map<string, Node> {
  const tails = new Map<string, string[]>(), isTail = new Set<string>();
  for (const one of relations) {
    tails.set(one.head, [...(tails.get(one.head) ?? []), one.tail]);
    isTail.add(one.tail);
  }
  const nodes = new Map<string, Node>();
  let row = 0;
  const put = (id: string, column: number): void => {
    if (nodes.has(id)) { return; }
    nodes.set(id, { id, column, row, width: width(id) });
    const own = row;
    for (const tail of tails.get(id) ?? []) {
      if (!nodes.has(tail)) { put(tail, column + 1); }
    }
    row = Math.max(row, own + 1);
  };
  const heads = [...tails.keys()];
  for (const id of [...heads.filter(each => !isTail.has(each)), ...heads]) { put(id, 0); }
  return nodes;
}

function edge(nodes: Map<string, Node>, relation: Relation): SVGElement[] {
  const from = nodes.get(relation.head), to = nodes.get(relation.tail);
  if (from === undefined || to === undefined) { return []; }
  const x1 = from.column * COLUMN + from.width, y1 = from.row * ROW + CHIP / 2 + 4;
  const x2 = to.column * COLUMN, y2 = to.row * ROW + CHIP / 2 + 4;
  const isOn = x2 > x1;
  const bend = isOn ? x2 - 34 : x1 + 40;
  const path = isOn
    ? `M${x1},${y1} C${x1 + 24},${y1} ${x1 + 8},${y2} ${x1 + 34},${y2} L${x2 - 2},${y2}`
    : `M${x1},${y1} C${bend},${y1} ${bend},${y2} ${to.column * COLUMN + to.width},${y2}`;
  const words = relation.type.replace(/-/g, " ").replace(/^(drug|test|problem|procedure|allergen) /, "");
  return [
    s("path", { d: path, class: "nv-edge" }),
    isOn ? s("text", { x: x2 - 6, y: y2 - 4, "text-anchor": "end", class: "nv-edge-words" }, words) : s("g"),
  ];
}

function chip(state: State, node: Node, go: Go): SVGElement {
  const one = state.get(node.id);
  const x = node.column * COLUMN + 1, y = node.row * ROW + 4;
  const text = short(one?.text ?? "");
  const made = s("g", { class: `nv-node found-${one === undefined ? "other" : state.kind(one)}`, role: "button", tabindex: "0",
    "aria-label": `${one?.text ?? ""}, ${one === undefined ? "" : state.words(one).replace(/ · /g, ", ")}`, "data-of": node.id },
  s("rect", { x, y, width: node.width, height: CHIP, rx: 6 }), s("text", { x: x + 9, y: y + 15 }, text));
  const choose = (): void => go(node.id, true);
  made.addEventListener("click", choose);
  made.addEventListener("keydown", event => {
    if ((event as KeyboardEvent).key === "Enter" || (event as KeyboardEvent).key === " ") { event.preventDefault(); choose(); }
  });
  return made;
}

function short(text: string): string {
  const plain = text.replace(/\s+/g, " ");
  return plain.length <= 20 ? plain : `${plain.slice(0, 19)}…`;
}
