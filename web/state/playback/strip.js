// The picture of a meeting: for each speaker a lane with the times at which they speak; pure.

/** @typedef {import('../turns.js').Block} Block */

/**
 * @typedef {object} Lane
 * @property {string | null} speaker
 * @property {[start: number, end: number][]} spans seconds
 */

const BRIDGED = 1 // seconds of silence that nobody could see in the picture

/**
 * One lane for each speaker in the order in which they first speak; those not known come last.
 *
 * @param {readonly Block[]} blocks
 * @returns {Lane[]}
 */
export function toLanes(blocks) {
  /** @type {Map<string | null, Lane>} */
  const lanes = new Map()
  for (const block of blocks) {
    if (block.kind !== 'turn') continue
    const lane = lanes.get(block.speaker) ?? { speaker: block.speaker, spans: [] }
    lanes.set(block.speaker, lane)
    for (const { start, end } of block.segments) {
      const last = lane.spans.at(-1)
      if (last && start - last[1] <= BRIDGED) last[1] = Math.max(last[1], end)
      else lane.spans.push([start, end])
    }
  }
  const all = [...lanes.values()]
  return [...all.filter(({ speaker }) => speaker !== null), ...all.filter(({ speaker }) => speaker === null)]
}

/**
 * Who speaks at a second, in the order of the lanes.
 *
 * @param {readonly Lane[]} lanes
 * @param {number} second
 */
export const speakingAt = (lanes, second) =>
  lanes.filter(({ spans }) => spans.some(([start, end]) => start <= second && second < end)).map((lane) => lane.speaker)
