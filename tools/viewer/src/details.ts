/* The selected annotation beside the text: everything that is known of it, and the fields by which it is corrected. */

import { h } from "./dom";
import { codeLine, factsOf, meanings, relationsOf, valueWords } from "./facts";
import { Assertion, Found, number, saidOf } from "./note";
import { State } from "./state";

const CHOICES: [keyof Assertion, string, string[]][] = [
  ["presence", "Presence", ["present", "absent", "possible", "conditional", "hypothetical"]],
  ["temporality", "When", ["current", "historical", "future"]],
  ["experiencer", "Whose", ["patient", "family", "other"]],
];
const VERDICTS = { accepted: "Accepted", changed: "Changed", rejected: "Rejected" };

export class Details {
  readonly box = h("aside", { class: "nv-details", "aria-label": "Details of the selected annotation" });

  constructor(private readonly state: State, private readonly go: (id: string, isFocused: boolean) => void) {
    for (const topic of ["selected", "judged", "changed", "saved"] as const) { state.on(topic, () => this.draw()); }
    this.draw();
  }

  /** Moves the focus to a field: `type`, `code` or `presence`. */
  focus(field: string): void { this.box.querySelector<HTMLElement>(`[data-field="${field}"]`)?.focus(); }

  private draw(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.field;
    const isInside = this.box.contains(document.activeElement);
    const one = this.state.get(this.state.selected);
    if (one === undefined) {
      this.box.replaceChildren(...this.nothing());
      return;
    }
    this.box.replaceChildren(this.head(one), ...(this.state.isEditable ? this.fields(one) : [factsOf(one)]),
      ...this.codes(one), ...this.relations(one), ...(this.state.isEditable ? [this.origin(one)] : []));
    if (isInside && focused !== undefined) { this.focus(focused); }
  }

  private nothing(): HTMLElement[] {
    const count = this.state.found.length;
    const keys: [string, string][] = [["→ ←", "next, previous"], ["↓ ↑", "line below, above"], ["Enter", "details"]];
    if (this.state.isEditable) { keys.push(["A  X", "accept, reject"], ["T  C  S", "type, code, said to be"], ["U", "undo"]); }
    return [
      h("p", { class: "nv-details-title" }, count === 1 ? "1 annotation" : `${number(count)} annotations`),
      h("p", { class: "soft small" }, "Choose one in the text to see what is said of it, its codes and what it belongs to."),
      h("dl", { class: "nv-keys" }, ...keys.map(([key, words]) =>
        h("div", {}, h("dt", {}, ...key.split(" ").filter(each => each !== "").map(each => h("kbd", {}, each))), h("dd", {}, words)))),
    ];
  }

  private head(one: Found): HTMLElement {
    const verdict = this.state.verdict(one.id);
    const index = (this.state.place.get(one.id) ?? 0) + 1;
    return h("div", { class: "nv-details-head" },
      h("p", { class: "nv-details-title" }, one.text),
      h("p", { class: "nv-details-kind" }, h("span", { class: `swatch swatch-found found-${this.state.kind(one)}` }), saidOf(one.label),
        verdict === "" ? null : h("span", { class: `badge ${verdict === "rejected" ? "badge-bad" : "badge-good"}` }, VERDICTS[verdict])),
      h("p", { class: "soft small" }, `${number(index)} of ${number(this.state.found.length)}`));
  }

  private fields(one: Found): HTMLElement[] {
    const labels = this.state.data.kinds.map(kind =>
      h("optgroup", { label: kind.title }, ...kind.labels.map(label =>
        h("option", { value: label, selected: label === one.label }, saidOf(label)))));
    const type = h("select", { "data-field": "type" }, ...labels);
    type.addEventListener("change", () => this.state.relabel(one.id, type.value));
    const fields = [field("Type", type)];
    const told = one.assertion;
    for (const [name, title, values] of told === null ? [] : CHOICES) {
      const choice = h("select", { "data-field": name }, ...values.map(value =>
        h("option", { value, selected: told !== null && value === told[name] }, valueWords(value))));
      choice.addEventListener("change", () => this.state.assert(one.id, name, choice.value));
      fields.push(field(title, choice));
    }
    const accept = h("button", { type: "button", class: "button button-small", "data-field": "accept", title: "A" }, "Accept");
    const reject = h("button", { type: "button", class: "button button-small", "data-field": "reject", title: "X" }, "Reject");
    accept.addEventListener("click", () => this.state.judge(one.id, "accepted"));
    reject.addEventListener("click", () => this.state.judge(one.id, "rejected"));
    return [h("div", { class: "nv-verdict" }, accept, reject), h("div", { class: "nv-fields" }, ...fields)];
  }

  private codes(one: Found): HTMLElement[] {
    const found = meanings(one);
    const title = h("h3", {}, found.size > 1 ? `Codes · ${number(found.size)} candidates` : "Codes");
    const lists = [...found].map(([rank, codes]) => {
      const lines = codes.map(code => codeLine(this.state, code));
      const share = h("span", { class: "soft number" }, codes[0].score.toFixed(2));
      if (!this.state.isEditable) { return h("li", { class: rank === 1 ? "is-best" : null }, h("div", {}, ...lines), share); }
      const choice = h("input", {
        type: "radio", name: "nv-meaning", value: String(rank), checked: rank === 1, "data-field": rank === 1 ? "code" : `code-${rank}`,
      });
      choice.addEventListener("change", () => this.state.mean(one.id, rank));
      return h("li", {}, h("label", {}, choice, h("span", {}, ...lines), share));
    });
    const list = lists.length > 0 ? h("ol", { class: "nv-codes" }, ...lists) : h("p", { class: "soft small" }, "None.");
    return [title, list, ...(this.state.isEditable ? [this.another(one, found.size === 0)] : [])];
  }

  /** A code that nobody proposed, and the way to have none. */
  private another(one: Found, isFirst: boolean): HTMLElement {
    const systems = h("select", { "aria-label": "System of the code" }, ...Object.entries(this.state.data.systems).map(([uri, name]) =>
      h("option", { value: uri }, name)));
    const code = h("input", { type: "text", "aria-label": "Another code", placeholder: "Another code", "data-field": isFirst ? "code" : "another",
      spellcheck: "false", autocomplete: "off" });
    const set = h("button", { type: "submit", class: "button button-small" }, "Set");
    const form = h("form", { class: "nv-another" }, systems, code, set);
    form.addEventListener("submit", event => {
      event.preventDefault();
      const value = code.value.trim();
      if (value !== "") { this.state.code(one.id, { system: systems.value, code: value, display: "", score: 1, rank: 1 }); }
    });
    if (isFirst) { return form; }
    const none = h("button", { type: "button", class: "button button-small", "data-field": "no-code" }, "No code fits");
    none.addEventListener("click", () => this.state.code(one.id, null));
    return h("div", { class: "nv-more-codes" }, form, none);
  }

  private relations(one: Found): HTMLElement[] {
    const found = relationsOf(this.state, one);
    if (found.length === 0) { return []; }
    const items = found.map(({ relation, other, isOut }) => {
      const way = h("button", { type: "button", class: "nv-way" }, other.text);
      way.addEventListener("click", () => this.go(other.id, true));
      return h("li", {}, h("span", { class: "soft" }, `${isOut ? "→" : "←"} ${relation.type.replace(/-/g, " ")} `), way);
    });
    return [h("h3", {}, "Belongs to"), h("ul", { class: "nv-relations" }, ...items)];
  }

  private origin(one: Found): HTMLElement {
    const rows = factsOf({ ...one, assertion: null });
    return h("div", {}, h("h3", {}, "More"), rows);
  }
}

function field(title: string, control: HTMLElement): HTMLElement {
  return h("label", { class: "nv-field" }, h("span", {}, title), control);
}
