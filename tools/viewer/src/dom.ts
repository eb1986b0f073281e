/* Elements in one line each; text only ever as text, never as markup. */

type Attributes = Record<string, string | number | boolean | null>;
type Child = Node | string | null;

const SVG = "http://www.w3.org/2000/svg";

function filled<T extends Element>(made: T, attributes: Attributes, children: Child[]): T {
  for (const name in attributes) {
    const value = attributes[name];
    if (value === null || value === false) { continue; }
    made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null) { made.append(child); }
  }
  return made;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], attributes, children);
}

/** Widths of text in one font, kept by letter: exact where the font is set without kerning and ligatures. */
export class Ruler {
  private readonly pen: CanvasRenderingContext2D;
  private readonly letters = new Map<string, number>();
  private readonly words = new Map<string, number>();

  constructor(readonly font: string) {
    const pen = document.createElement("canvas").getContext("2d");
    if (pen === null) { throw new Error("this browser measures no text"); }
    pen.font = font;
    pen.fontKerning = "none";
    this.pen = pen;
  }

  /** The width of a short text, in pixels. */
  of(text: string): number {
    let width = this.words.get(text);
    if (width === undefined) {
      width = this.pen.measureText(text).width;
      this.words.set(text, width);
    }
    return width;
  }

  /** A text as far as it fits. */
  cut(text: string, width: number): string {
    if (this.of(text) <= width) { return text; }
    let length = text.length;
    while (length > 1 && this.of(`${text.slice(0, length)}…`) > width) { length -= 1; }
    return length > 1 ? `${text.slice(0, length)}…` : "";
  }

  /** Where each UTF-16 unit of a line begins, and where the last one ends, in pixels from the line's start. */
  places(line: string): Float32Array {
    const places = new Float32Array(line.length + 1);
    if (/[^\u0020-\u024f\u2003\u2010-\u2026]/.test(line)) { return this.joined(line, places); }
    let at = 0;
    for (let index = 0; index < line.length; index++) {
      places[index] = at;
      const letter = line[index];
      let width = this.letters.get(letter);
      if (width === undefined) {
        width = this.pen.measureText(letter).width;
        this.letters.set(letter, width);
      }
      at += width;
    }
    places[line.length] = at;
    return places;
  }

  /** The same where letters may join: each beginning is measured whole. */
  private joined(line: string, places: Float32Array): Float32Array {
    for (let index = 1; index <= line.length; index++) { places[index] = this.pen.measureText(line.slice(0, index)).width; }
    return places;
  }
}
