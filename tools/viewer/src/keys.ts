/* The keyboard and the pointer in the text: one annotation has the focus, arrows lead on, letters correct. */

import { Details } from "./details";
import { Popover } from "./popover";
import { State } from "./state";
import { TextPane } from "./text";

export function keys(state: State, text: TextPane, details: Details, popover: Popover, go: (id: string, isFocused: boolean) => void): void {
  const moves: Record<string, () => string> = {
    ArrowRight: () => state.step(1), n: () => state.step(1), ArrowLeft: () => state.step(-1), p: () => state.step(-1),
    ArrowDown: () => text.beside(1), ArrowUp: () => text.beside(-1), Home: () => state.end(false), End: () => state.end(true),
  };
  const fields: Record<string, string> = { t: "type", c: "code", s: "presence" };
  text.pane.addEventListener("keydown", event => {
    const isControl = event.ctrlKey || event.metaKey;
    if (event.altKey || (isControl && event.key !== "z") || (event.key.length === 1 && event.key !== " " && !isControl && !areLetters())) { return; }
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      const id = move();
      if (id !== "") { go(id, true); }
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(details);
    } else if (event.key === "Escape") {
      popover.hide();
    } else if (state.isEditable && state.selected !== "") { correct(event, fields); }
  });

  function correct(event: KeyboardEvent, known: Record<string, string>): void {
    const field = known[event.key];
    if (field !== undefined) {
      event.preventDefault();
      details.focus(field);
      return;
    }
    const id = state.selected;
    if (event.key === "a") { state.judge(id, "accepted"); }
    else if (event.key === "x" || event.key === "Delete") { state.judge(id, "rejected"); }
    else if (event.key === "u" || event.key === "z") { state.undo(); }
    else { return; }
    event.preventDefault();
    event.stopPropagation();
    text.focus(state.selected);
  }

  details.box.addEventListener("keydown", event => {
    if (event.key === "Escape" && state.selected !== "") {
      event.preventDefault();
      text.focus(state.selected);
    }
  });
  text.pane.addEventListener("focusin", event => {
    const id = (event.target as HTMLElement).dataset?.id;
    if (id !== undefined) { state.select(id); }
  });
  text.pane.addEventListener("click", event => {
    if (window.getSelection()?.isCollapsed === false) { return; }
    const id = text.hit(event.clientX, event.clientY);
    if (id !== "") { go(id, true); }
  });
}

/** False where somebody has turned off keys of one letter, on every page. */
function areLetters(): boolean {
  try { return window.localStorage.getItem("careloom-letters") !== "off"; } catch { return true; }
}

function open(details: Details): void {
  const first = details.box.querySelector<HTMLElement>("select, input, button");
  if (first !== null) { first.focus(); return; }
  details.box.tabIndex = -1;
  details.box.focus();
}
