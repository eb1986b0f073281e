/* Where everything stands: lines that fit the width, and below each line its annotations in lanes. No element is here. */

import { Ruler } from "./dom";

/** What is drawn of an annotation in one line. */
export interface Piece {
  index: number;
  left: number;
  width: number;
  /** Its width with its words: no other piece of the lane begins before. */
  reach: number;
  lane: number;
  isFirst: boolean;
  isLast: boolean;
}

export interface Line {
  start: number;
  end: number;
  top: number;
  height: number;
  lanes: number;
  pieces: Piece[];
  places: Float32Array;
}

/** A stretch of text to be drawn below a line; `words` stand at its first piece. */
export interface Stretch {
  start: number;
  end: number;
  words: string;
}

export interface Measures {
  width: number;
  text: Ruler;
  words: Ruler;
  textHeight: number;
  laneHeight: number;
  gap: number;
  isCompact: boolean;
}

/** As it is shown: of the same length, so that offsets hold. */
export function shownOf(text: string): string {
  return text.replace(/\t/g, "\u2003").replace(/\r/g, "\u200b");
}

/** The lines of a text: broken at line ends and, where the width asks for it, after spaces. */
export function broken(text: string, measures: Measures): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const end = text.indexOf("\n", start);
    const stop = end < 0 ? text.length : end;
    paragraph(text, start, stop, measures, lines);
    if (end < 0) { break; }
    start = end + 1;
  }
  return lines;
}

function paragraph(text: string, start: number, stop: number, measures: Measures, lines: Line[]): void {
  const places = measures.text.places(text.slice(start, stop));
  let from = 0;
  const length = stop - start;
  do {
    let to = furthest(places, from, places[from] + measures.width);
    if (to < length) {
      const space = text.lastIndexOf(" ", start + to);
      if (space >= start + from && space + 1 > start + from) { to = Math.min(length, space + 1 - start); }
      if (to <= from) { to = from + 1; }
    }
    const own = places.slice(from, to + 1);
    const shift = own[0];
    for (let index = 0; index < own.length; index++) { own[index] -= shift; }
    lines.push({ start: start + from, end: start + to, top: 0, height: 0, lanes: 0, pieces: [], places: own });
    from = to;
  } while (from < length);
}

/** The last place that is not beyond `limit`. */
function furthest(places: Float32Array, from: number, limit: number): number {
  let low = from, high = places.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (places[middle] <= limit) { low = middle; } else { high = middle - 1; }
  }
  return low;
}

/** The line that holds an offset; the last one for what lies behind the text. */
export function lineAt(lines: Line[], offset: number): number {
  let low = 0, high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle].start <= offset) { low = middle; } else { high = middle - 1; }
  }
  return low;
}

/** The line at a height, in pixels from the top of the text. */
export function lineBelow(lines: Line[], y: number): number {
  let low = 0, high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle].top <= y) { low = middle; } else { high = middle - 1; }
  }
  return low;
}

/** Gives every line its pieces in lanes, its height and its top. `stretches` are in order of their start; null: none. */
export function laid(lines: Line[], stretches: (Stretch | null)[], measures: Measures): void {
  for (const line of lines) { line.pieces = []; }
  stretches.forEach((stretch, index) => {
    if (stretch !== null) { cut(lines, stretch, index, measures); }
  });
  let top = 0;
  for (const line of lines) {
    line.lanes = packed(line.pieces, measures);
    line.top = top;
    line.height = measures.textHeight + line.lanes * measures.laneHeight + measures.gap;
    top += line.height;
  }
}

function cut(lines: Line[], stretch: Stretch, index: number, measures: Measures): void {
  const wordsWidth = measures.isCompact ? 0 : Math.ceil(measures.words.of(stretch.words)) + 2;
  for (let at = lineAt(lines, stretch.start); at < lines.length && lines[at].start < stretch.end; at++) {
    const line = lines[at];
    const from = Math.max(stretch.start, line.start), to = Math.min(stretch.end, line.end);
    if (to <= from) { continue; }
    const left = line.places[from - line.start], width = Math.max(6, line.places[to - line.start] - left);
    const isFirst = from === stretch.start, isLast = stretch.end <= line.end;
    line.pieces.push({ index, left, width, reach: Math.max(width, isFirst ? wordsWidth : 0), lane: 0, isFirst, isLast });
  }
}

/** Puts each piece into the first lane with room; the longer one above. Gives the number of lanes. */
function packed(pieces: Piece[], measures: Measures): number {
  pieces.sort((one, other) => one.left - other.left || other.width - one.width);
  const ends: number[] = [];
  for (const piece of pieces) {
    const fit = Math.min(piece.reach, Math.max(piece.width, measures.width - piece.left));
    piece.reach = fit;
    let lane = ends.findIndex(end => end + 4 <= piece.left);
    if (lane < 0) { lane = ends.length; }
    ends[lane] = piece.left + fit;
    piece.lane = lane;
  }
  return ends.length;
}
