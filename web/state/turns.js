// What of a transcript is shown, in order of time: turns of one speaker, and gaps; pure.

/** @typedef {import('./transcript.js').Gap} Gap */
/** @typedef {import('./transcript.js').Segment} Segment */
/** @typedef {import('./transcript.js').Speakers} Speakers */
/** @typedef {import('./transcript.js').Transcript} Transcript */

/**
 * @typedef {object} Turn
 * @property {'turn'} kind
 * @property {string} key of its first segment
 * @property {string | null} speaker
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {Segment[]} segments
 */

/** @typedef {{ kind: 'gap', key: string, start: number, end: number, reason: string, who: string }} ShownGap  who: the
 *   source's name; empty where there is only one */
/** @typedef {Turn | ShownGap} Block */
/** @typedef {ReadonlyMap<string, string>} SourceNames  by id */

const PAUSE = 3 // seconds of silence after which the same speaker starts a new turn
const LONGEST = 120 // seconds after which a monologue gets a new time mark

/**
 * Blocks that stay the same stay the same object.
 *
 * @param {Transcript} transcript
 * @param {readonly Block[]} before the blocks of the transcript before
 * @param {SourceNames} names of the sources where there are several
 * @returns {Block[]}
 */
export function toBlocks(transcript, before = [], names = new Map()) {
  const known = new Map(before.map((block) => [block.key, block]))
  return group(transcript, names).map((block) => {
    const same = known.get(block.key)
    return same && equal(same, block) ? same : block
  })
}

/**
 * @param {Transcript} transcript
 * @param {SourceNames} names
 * @returns {Block[]}
 */
function group(transcript, names) {
  /** @type {Block[]} */
  const blocks = []
  /** @type {Turn | null} */
  let turn = null
  for (const item of timeline(transcript)) {
    if (item.type === 'gap') {
      turn = null
      const { start, end, reason, source_id: source = '' } = item
      blocks.push({ kind: 'gap', key: `gap ${start} ${source}`, start, end, reason, who: names.get(source) ?? '' })
      continue
    }
    const speaker = resolveSpeaker(item.speaker, transcript.speakers)
    if (!turn || !continues(turn, speaker, item)) {
      turn = { kind: 'turn', key: item.id, speaker, start: item.start, end: item.end, segments: [] }
      blocks.push(turn)
    }
    turn.segments.push(item)
    turn.end = Math.max(turn.end, item.end)
  }
  return blocks
}

/**
 * @param {Transcript} transcript
 * @returns {(Segment | Gap)[]}
 */
function timeline({ segments, stale, gaps }) {
  const lines = [...segments.values(), ...stale.values()].filter(({ text }) => text !== '')
  return [...lines, ...gaps].sort((a, b) => a.start - b.start || a.end - b.end || compareIds(idOf(a), idOf(b)))
}

/** @type {(item: Segment | Gap) => string} */
const idOf = (item) => (item.type === 'gap' ? '' : item.id)

/** @type {(a: string, b: string) => number} */
const compareIds = (a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)

/**
 * @param {Turn} turn
 * @param {string | null} speaker
 * @param {Segment} segment
 */
function continues(turn, speaker, segment) {
  return turn.speaker === speaker && segment.start - turn.end <= PAUSE && segment.end - turn.start <= LONGEST
}

/**
 * @param {Block} a
 * @param {Block} b
 */
function equal(a, b) {
  if (a.start !== b.start || a.end !== b.end) return false
  if (a.kind === 'gap') return b.kind === 'gap' && a.reason === b.reason && a.who === b.who
  if (b.kind === 'gap') return false
  if (a.speaker !== b.speaker || a.segments.length !== b.segments.length) return false
  return a.segments.every((segment, i) => segment === b.segments[i])
}

/**
 * Who a speaker turned out to be; a loop of merges, which no server should send, ends where it began.
 *
 * @param {string | null} id
 * @param {Speakers} speakers
 * @returns {string | null}
 */
export function resolveSpeaker(id, speakers) {
  const seen = new Set()
  while (id !== null && !seen.has(id)) {
    seen.add(id)
    const into = speakers.get(id)?.merged_into
    if (!into) return id
    id = into
  }
  return id
}

/**
 * The speakers, in the order of their first words, with the seconds that each spoke; null for all that nobody is known
 * to have said. The same as the talk time of the statistics.
 *
 * @param {readonly Block[]} blocks
 * @returns {Map<string | null, number>}
 */
export function speakingSeconds(blocks) {
  const seconds = new Map()
  for (const block of blocks) {
    if (block.kind !== 'turn') continue
    const spoken = block.segments.reduce((sum, { start, end }) => sum + (end - start), 0)
    seconds.set(block.speaker, (seconds.get(block.speaker) ?? 0) + spoken)
  }
  return seconds
}
