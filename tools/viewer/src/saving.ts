/* Corrections that wait to be kept: how many, the way back, and the way to the platform. */

import { h } from "./dom";
import { number } from "./note";
import { State } from "./state";

declare global {
  interface Window { dash_clientside?: { set_props?: (id: string, props: Record<string, unknown>) => void } }
}

/** The bar below the text; nothing where nothing may be corrected. */
export function saving(state: State): HTMLElement[] {
  if (!state.isEditable) { return []; }
  const words = h("p", {});
  const undo = h("button", { type: "button", class: "button button-small", title: "U" }, "Undo");
  const save = h("button", { type: "button", class: "button button-small button-main", "data-key": "k", title: "Alt and K" }, "Keep the corrections");
  const bar = h("div", { class: "nv-saving" }, words, h("div", { class: "decision-buttons" }, undo, save));
  const draw = (): void => {
    const count = state.count;
    words.textContent = count === 0 ? "No corrections yet. Accept, reject or change what was found; then keep it."
      : count === 1 ? "1 annotation judged, not kept yet." : `${number(count)} annotations judged, not kept yet.`;
    undo.disabled = count === 0;
    save.disabled = count === 0;
  };
  undo.addEventListener("click", () => state.undo());
  save.addEventListener("click", () => {
    save.disabled = true;
    window.setTimeout(draw, 4000); // the page was drawn anew by then, or it was refused and may be sent again
    window.dash_clientside?.set_props?.(state.data.correction, { data: { document: state.corrected() } });
  });
  for (const topic of ["judged", "changed", "saved"] as const) { state.on(topic, draw); }
  draw();
  const ask = (event: BeforeUnloadEvent): void => {
    if (!bar.isConnected) { window.removeEventListener("beforeunload", ask); return; }
    if (state.count > 0) { event.preventDefault(); }
  };
  window.addEventListener("beforeunload", ask);
  return [bar];
}
