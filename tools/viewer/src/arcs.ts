/* The relations of the selected annotation, drawn over the text as arcs; no others, so that the text stays legible. */

import { s } from "./dom";
import { State } from "./state";
import { TextPane } from "./text";

export class Arcs {
  private readonly drawing = s("svg", { class: "nv-arcs", "aria-hidden": "true" });

  constructor(private readonly state: State, private readonly text: TextPane) {
    for (const topic of ["selected", "filter", "changed"] as const) { state.on(topic, () => this.draw()); }
  }

  /** Draws them anew; a page whose lines were drawn anew gets its drawing back. */
  draw(): void {
    const parts: SVGElement[] = [];
    for (const index of this.state.joined.get(this.state.selected) ?? []) {
      const relation = this.state.data.relations[index];
      const from = this.text.box(relation.head), to = this.text.box(relation.tail);
      if (from !== null && to !== null) { parts.push(...this.arc(from, to, relation.type, relation.head === this.state.selected)); }
    }
    this.drawing.replaceChildren(...parts);
    if (parts.length > 0 && this.drawing.parentNode !== this.text.page) { this.text.page.append(this.drawing); }
    if (parts.length === 0) { this.drawing.remove(); }
  }

  private arc(from: { left: number; top: number; width: number }, to: typeof from, type: string, isOut: boolean): SVGElement[] {
    const startX = from.left + from.width / 2, endX = to.left + to.width / 2;
    const startY = from.top + 3, endY = to.top + 3;
    const rise = Math.min(34, 12 + Math.abs(endX - startX) / 8);
    const top = Math.min(startY, endY) - rise;
    const path = `M${startX},${startY} C${startX},${top} ${endX},${top} ${endX},${endY}`;
    const words = type.replace(/-/g, " ").replace(/^(drug|test|problem|procedure|allergen) /, "").replace(/^overlap$/, "same time");
    const width = words.length * 6 + 10;
    // At the other end, where no two of them stand in one place.
    const x = Math.max(width / 2, isOut ? endX : startX), y = Math.max(8, (isOut ? endY : startY) - 14);
    return [
      s("path", { d: path, class: isOut ? "nv-arc" : "nv-arc is-in" }),
      s("path", { d: `M${endX - 4},${endY - 5} L${endX},${endY + 1} L${endX + 4},${endY - 5}`, class: "nv-tip" }),
      s("rect", { x: x - width / 2, y: y - 8, width, height: 15, rx: 4, class: "nv-arc-ground" }),
      s("text", { x, y: y + 3, "text-anchor": "middle", class: "nv-arc-words" }, words),
    ];
  }
}
