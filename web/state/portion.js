// How much of a long meeting is drawn: some lines at the end, and some at the beginning, more with every frame; pure.

/** @typedef {import('./turns.js').Block} Block */

/**
 * @typedef {object} Portion
 * @property {number} top lines drawn from the beginning on
 * @property {number} bottom lines drawn up to the end
 * @property {number} pace lines drawn in the next frame
 */

const LINES = 240 // that are drawn at once, to begin with
const SWIFT = 16 // milliseconds up to which drawing them counts as quick: more are drawn in the next frame
const SLOW = 40 // and from which on fewer are

/** @type {Readonly<Portion>} */
export const FIRST_PORTION = Object.freeze({ top: 0, bottom: LINES, pace: LINES })

/**
 * The blocks to draw; the same array where these are all.
 *
 * @param {Block[]} blocks
 * @param {Portion} portion
 * @returns {Block[]}
 */
export function portionOf(blocks, { top, bottom }) {
  let [first, last, left] = [0, blocks.length, top]
  while (first < last && left > 0) left -= lines(blocks[first++])
  left = bottom
  while (last > first && left > 0) left -= lines(blocks[--last])
  return last > first ? [...blocks.slice(0, first), ...blocks.slice(last)] : blocks
}

/**
 * More in the next frame, as many as the milliseconds that this one `took` allow.
 *
 * @param {Portion} portion
 * @param {number} took
 * @param {boolean} atTop whether they go to the beginning
 * @returns {Portion}
 */
export function widened({ top, bottom, pace }, took, atTop) {
  const faster = took < SWIFT ? 1.5 : took > SLOW ? 0.6 : 1
  const next = Math.round(Math.min(4 * LINES, Math.max(LINES / 2, pace * faster)))
  return atTop ? { top: top + next, bottom, pace: next } : { top, bottom: bottom + next, pace: next }
}

/**
 * All is drawn: what is said from now on is drawn at once, and of what is still on its way a portion.
 *
 * @param {Portion} portion
 * @param {readonly Block[]} blocks
 * @param {number} left lines that are still to come
 * @returns {Portion}
 */
export function complete(portion, blocks, left) {
  const bottom = left || !blocks.length ? blocks.reduce((sum, block) => sum + lines(block), LINES) : Infinity
  return bottom === portion.bottom ? portion : { ...portion, bottom }
}

/** @type {(block: Block) => number} */
const lines = (block) => (block.kind === 'turn' ? block.segments.length : 1)
