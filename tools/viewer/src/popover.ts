/* What is said of an annotation, beside it: while the pointer is on it, and while it has the focus. Escape puts it away. */

import { briefly, codeLines } from "./facts";
import { h } from "./dom";
import { State } from "./state";
import { TextPane } from "./text";

export class Popover {
  readonly box = h("div", { class: "nv-popover", role: "tooltip", id: "nv-popover", hidden: true });
  private shown = "";
  private later = 0;

  constructor(private readonly state: State, private readonly text: TextPane, private readonly frame: HTMLElement) {
    frame.append(this.box);
    const pane = text.pane;
    pane.addEventListener("pointermove", event => {
      if (event.pointerType !== "touch") { this.point(text.hit(event.clientX, event.clientY)); }
    });
    pane.addEventListener("pointerleave", () => this.point(""));
    this.box.addEventListener("pointerenter", () => window.clearTimeout(this.later));
    this.box.addEventListener("pointerleave", () => this.point(""));
    pane.addEventListener("focusin", event => {
      const id = (event.target as HTMLElement).dataset?.id;
      if (id !== undefined && (event.target as HTMLElement).matches(":focus-visible")) { this.show(id); }
    });
    pane.addEventListener("focusout", () => this.hide());
    pane.addEventListener("scroll", () => { if (this.shown !== "" && !pane.contains(document.activeElement)) { this.hide(); } }, { passive: true });
    state.on("changed", () => { if (this.shown !== "") { this.show(this.shown); } });
  }

  private point(id: string): void {
    this.text.page.style.cursor = id === "" ? "" : "pointer";
    if (id === this.shown && id !== "") { window.clearTimeout(this.later); return; }
    if (id !== "") { this.show(id); return; }
    window.clearTimeout(this.later);
    this.later = window.setTimeout(() => {
      const focused = (document.activeElement as HTMLElement | null)?.dataset?.id;
      if (focused === undefined || !this.text.pane.contains(document.activeElement)) { this.hide(); }
    }, 160);
  }

  show(id: string): void {
    const one = this.state.get(id), place = this.text.box(id);
    if (one === undefined || place === null) { return; }
    window.clearTimeout(this.later);
    this.shown = id;
    this.box.replaceChildren(
      h("p", { class: "nv-popover-title" }, h("span", { class: `swatch swatch-found found-${this.state.kind(one)}` }), this.state.words(one)),
      ...briefly(one), ...codeLines(this.state, one, 2));
    this.box.hidden = false;
    const pane = this.text.pane.getBoundingClientRect(), frame = this.frame.getBoundingClientRect();
    const page = this.text.page.getBoundingClientRect();
    const left = page.left - frame.left + place.left;
    const top = page.top - frame.top + place.top, bottom = page.top - frame.top + place.bottom;
    const width = this.box.offsetWidth, height = this.box.offsetHeight;
    const fitsAbove = top - height - 6 > pane.top - frame.top;
    this.box.style.left = `${Math.max(4, Math.min(left, frame.width - width - 4))}px`;
    this.box.style.top = `${fitsAbove ? top - height - 2 : bottom + 4}px`;
    document.querySelector(`.nv-pane [data-id="${CSS.escape(id)}"]`)?.setAttribute("aria-describedby", "nv-popover");
  }

  /** True where there was something to put away. */
  hide(): boolean {
    window.clearTimeout(this.later);
    const was = !this.box.hidden;
    if (this.shown !== "") { document.querySelector(`.nv-pane [data-id="${CSS.escape(this.shown)}"]`)?.removeAttribute("aria-describedby"); }
    this.shown = "";
    this.box.hidden = true;
    return was;
  }
}
