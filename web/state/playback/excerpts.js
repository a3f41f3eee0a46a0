// Short parts of a meeting in which one voice is heard well: what somebody listens to before naming it; pure.

import { resolveSpeaker } from '../turns.js'

/** @typedef {import('../transcript.js').Segment} Segment */
/** @typedef {import('../transcript.js').Transcript} Transcript */

const MOST = 3
const LONGEST = 4 // seconds that are played of a line
const LONG = 2 // seconds that suffice to know a voice
const AROUND = 0.1 // seconds before and after the words

/**
 * Up to three parts, in order of time, from different parts of the meeting: the longest lines in which nobody else
 * speaks; shorter ones where there are no long ones.
 *
 * @param {Transcript} transcript
 * @param {string} speaker
 * @returns {{ start: number, end: number }[]}
 */
export function excerptsOf({ segments, speakers }, speaker) {
  const all = [...segments.values()].filter(({ text }) => text !== '')
  const own = all
    .filter((line) => line.final && !line.overlap && resolveSpeaker(line.speaker, speakers) === speaker)
    .filter((line) => !all.some((other) => other !== line && overlap(line, other)))
  const long = own.filter(({ start, end }) => end - start >= LONG)
  const lines = (long.length >= MOST ? long : own).sort((a, b) => a.start - b.start)
  return thirds(lines).map((part) => excerpt(longest(part)))
}

/** @type {(a: Segment, b: Segment) => boolean} */
const overlap = (a, b) => a.start < b.end && b.start < a.end

/**
 * @template Item
 * @param {Item[]} items
 * @returns {Item[][]} up to three parts, none of them empty
 */
function thirds(items) {
  const count = Math.min(MOST, items.length)
  const at = (/** @type {number} */ i) => Math.round((i * items.length) / count)
  return Array.from({ length: count }, (_, i) => items.slice(at(i), at(i + 1)))
}

/** @type {(lines: Segment[]) => Segment} */
const longest = (lines) => lines.reduce((best, line) => (line.end - line.start > best.end - best.start ? line : best))

/**
 * From the beginning of a line to the end of a word, as far as it is short.
 *
 * @param {Segment} line
 */
function excerpt({ start, end, words }) {
  const last = words.filter((word) => word.end - start <= LONGEST).at(-1)
  return { start: Math.max(0, start - AROUND), end: (last?.end ?? Math.min(end, start + LONGEST)) + AROUND }
}
