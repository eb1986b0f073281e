/* Above the text: which kinds are shown, how they are said to be, words or lines alone; and the sections, to jump to. */

import { h } from "./dom";
import { lineAt } from "./layout";
import { number, OTHER, saidOf } from "./note";
import { State } from "./state";
import { TextPane } from "./text";

const SAID: [string, string][] = [
  ["", "However it is said"], ["present", "Present"], ["absent", "Absent"], ["possible", "Possible"], ["conditional", "Conditional"],
  ["hypothetical", "Hypothetical"], ["historical", "Historical"], ["future", "Planned"], ["family", "In the family"],
];

export function toolbar(state: State, text: TextPane): HTMLElement {
  const counts = new Map<string, number>();
  for (const one of state.found) { counts.set(state.kind(one), (counts.get(state.kind(one)) ?? 0) + 1); }
  const titles: [string, string][] = [...state.data.kinds.map(kind => [kind.key, kind.title] as [string, string]), [OTHER, "Other findings"]];
  const chips = titles.filter(([key]) => counts.has(key)).map(([key, title]) => {
    const chip = h("button", { type: "button", class: "nv-chip", "aria-pressed": "true", "data-kind-switch": key },
      h("span", { class: `swatch swatch-found found-${key}` }), title, h("span", { class: "number soft" }, number(counts.get(key) ?? 0)));
    chip.addEventListener("click", () => {
      state.toggle(key);
      chip.setAttribute("aria-pressed", String(!state.hidden.has(key)));
    });
    return chip;
  });
  const said = h("select", { "aria-label": "Shown by how it is said" }, ...SAID.map(([value, title]) => h("option", { value }, title)));
  said.addEventListener("change", () => state.narrow(said.value));
  const words = h("input", { type: "checkbox", checked: true });
  words.addEventListener("change", () => {
    text.isCompact = !words.checked;
    text.fit();
  });
  return h("div", { class: "nv-toolbar" },
    h("div", { class: "nv-chips", role: "group", "aria-label": "Kinds that are shown" }, ...chips),
    h("div", { class: "nv-options" }, said, h("label", { class: "nv-check" }, words, "Labels")));
}

/** The sections of the note; whoever chooses one sees it at the top. Null where the note has none. */
export function outline(state: State, text: TextPane): HTMLElement | null {
  const source = state.data.text;
  const items = state.data.sections.map(section => {
    const start = state.offset(section.title[1] > section.title[0] ? section.title[0] : section.body[0]);
    const title = source.slice(state.offset(section.title[0]), state.offset(section.title[1])).replace(/[\s:]+$/, "").trim();
    return { start, title: title !== "" ? title : saidOf(section.kind) };
  }).filter(item => item.title !== "");
  if (items.length < 2) { return null; }
  const buttons = items.map(item => {
    const button = h("button", { type: "button" }, item.title);
    button.addEventListener("click", () => text.toLine(lineAt(text.lines, item.start), true));
    return button;
  });
  const mark = (): void => {
    const at = lineAt(text.lines, 0) === -1 ? 0 : text.pane.scrollTop + 24;
    const line = text.lines.findIndex(each => each.top + each.height > at);
    const offset = text.lines[line]?.start ?? 0;
    let active = 0;
    items.forEach((item, index) => { if (item.start <= offset) { active = index; } });
    buttons.forEach((button, index) => {
      if (index === active) { button.setAttribute("aria-current", "true"); } else { button.removeAttribute("aria-current"); }
    });
  };
  let asked = false;
  text.pane.addEventListener("scroll", () => {
    if (asked) { return; }
    asked = true;
    requestAnimationFrame(() => { asked = false; mark(); });
  }, { passive: true });
  return h("nav", { class: "nv-outline", "aria-label": "Sections of the note" },
    h("p", { class: "nv-outline-title" }, "Sections"), h("ol", {}, ...buttons.map(button => h("li", {}, button))));
}
