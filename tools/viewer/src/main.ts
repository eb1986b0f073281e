/* The note viewer: `careloom_viewer.draw(id, data)` fills an element; Dash calls it where a page brings a note. */

import { Arcs } from "./arcs";
import { Details } from "./details";
import { h } from "./dom";
import { graph } from "./graph";
import { keys } from "./keys";
import { NoteData } from "./note";
import { Popover } from "./popover";
import { saving } from "./saving";
import { State } from "./state";
import { TextPane } from "./text";
import { timeline } from "./timeline";
import { outline, toolbar } from "./toolbar";

interface Drawn { frame: HTMLElement; stop: () => void }

const drawn = new WeakMap<HTMLElement, Drawn>();

/** Fills the element of this id with a note; what stood there before goes. Null leaves it empty. */
function draw(id: string, data: NoteData | null): void {
  const host = document.getElementById(id);
  if (host === null) { return; }
  drawn.get(host)?.stop();
  host.replaceChildren();
  if (data === null) { return; }
  const state = new State(data);
  const text = new TextPane(state);
  const live = h("div", { class: "hidden-text", role: "status" });
  const body = h("div", { class: "nv-text-slot" }, text.pane);
  const frame = h("div", { class: "nv" });
  const go = (to: string, isFocused: boolean): void => {
    state.select(to);
    if (isFocused) { text.focus(to); } else { text.reveal(to); }
  };
  const details = new Details(state, go);
  const main = h("div", { class: "nv-main" }, outline(state, text), body, details.box);
  if (main.firstElementChild === body) { main.classList.add("has-no-outline"); }
  frame.append(toolbar(state, text), main, ...saving(state), ...views(state, go), live);
  host.append(frame);
  const popover = new Popover(state, text, body);
  const arcs = new Arcs(state, text);
  keys(state, text, details, popover, go);
  for (const topic of ["judged", "changed"] as const) { state.on(topic, words => { live.textContent = words; }); }
  const stop = follow(host, state, text, arcs, go);
  drawn.set(host, { frame, stop });
}

/** The note's timeline and its relations, each below a heading that opens it. */
function views(state: State, go: (id: string, isFocused: boolean) => void): HTMLElement[] {
  const made: [string, HTMLElement | null][] = [["Timeline of the note", timeline(state, go)], ["Relations", graph(state, go)]];
  return made.flatMap(([title, content]) =>
    content === null ? [] : [h("details", { class: "nv-view", open: true }, h("summary", {}, title), content)]);
}

/** Draws anew for another width, once the font is there, and for rows of the page that name an annotation. */
function follow(host: HTMLElement, state: State, text: TextPane, arcs: Arcs, go: (id: string, isFocused: boolean) => void): () => void {
  let width = 0;
  const refit = (): void => {
    text.fit();
    arcs.draw();
  };
  const observer = new ResizeObserver(() => {
    if (text.page.clientWidth === width) { return; }
    width = text.page.clientWidth;
    refit();
  });
  observer.observe(text.pane);
  void document.fonts.ready.then(refit);
  const rows = (event: Event): void => {
    const row = (event.target as HTMLElement).closest?.("[data-pair]") as HTMLElement | null;
    if (row !== null && row !== undefined && !host.contains(row) && row.dataset.pair !== undefined) { go(row.dataset.pair, false); }
  };
  document.addEventListener("focusin", rows);
  document.addEventListener("click", rows);
  state.on("filter", () => {
    document.querySelectorAll<HTMLElement>("[data-pair][data-kind]").forEach(each => {
      const one = state.get(each.dataset.pair ?? "");
      const row = each.closest("tr");
      if (row !== null && one !== undefined) { row.hidden = !state.isShown(one); }
    });
  });
  return () => {
    observer.disconnect();
    document.removeEventListener("focusin", rows);
    document.removeEventListener("click", rows);
  };
}

declare global {
  interface Window { careloom_viewer: { draw: typeof draw } }
}
window.careloom_viewer = { draw };
