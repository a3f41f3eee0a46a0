// What large captions show, and how they are asked to look; pure.

import { joinWords, speakerColor, speakerName } from '../format.js'
import { splitPartial } from '../partial-text.js'
import { toBlocks } from '../turns.js'

/** @typedef {import('../transcript.js').Transcript} Transcript */
/** @typedef {import('../wire-messages.js').ServerMessage} ServerMessage */

/**
 * @typedef {object} CaptionOptions
 * @property {number} size of letters, in pixels
 * @property {number} lines
 * @property {number} seconds after which what was said last disappears; 0 for not before the meeting is over
 * @property {'outline' | 'box'} look what sets letters off from whatever is behind them
 * @property {string} background a colour; transparent unless told otherwise
 * @property {boolean} names whether it is shown who speaks
 */

/**
 * What one speaker said in a row.
 *
 * @typedef {object} Caption
 * @property {string} key
 * @property {string} name empty where none is shown
 * @property {number | ''} color
 * @property {string} stable
 * @property {string} partial what may still change
 */

const NEWEST = 90 // seconds of a meeting that are looked at
const MOST = 6 // turns that are shown
const LAST = 10 // seconds for which words stay at most once the meeting is over

/**
 * What the address of a captions page asks for; what makes no sense counts as not said.
 *
 * @param {string} query behind the path
 * @returns {CaptionOptions}
 */
export function captionOptions(query) {
  const given = new URLSearchParams(query)
  /** @type {(name: string, usual: number, least: number, most: number) => number} */
  const number = (name, usual, least, most) => {
    const value = Number.parseFloat(given.get(name) ?? '')
    return Number.isNaN(value) ? usual : Math.min(most, Math.max(least, value))
  }
  const background = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(given.get('background') ?? '')
  return {
    size: number('size', 48, 12, 300),
    lines: Math.round(number('lines', 2, 1, 12)),
    seconds: number('seconds', 10, 0, 3600),
    look: given.get('look') === 'box' ? 'box' : 'outline',
    background: background ? `#${background[1].toLowerCase()}` : 'transparent',
    names: given.get('names') !== 'off',
  }
}

/**
 * The newest turns.
 *
 * @param {Transcript} transcript
 * @param {boolean} names
 * @returns {Caption[]}
 */
export function newestCaptions({ speakers, ...transcript }, names) {
  const lines = [...transcript.segments.values()]
  const from = newestEnd(transcript) - NEWEST
  const segments = new Map(lines.filter(({ end }) => end >= from).map((line) => [line.id, line]))
  const blocks = toBlocks({ ...transcript, segments, stale: new Map(), gaps: [], speakers })
  return blocks.slice(-MOST).flatMap((block) => {
    if (block.kind === 'gap') return []
    const { key, speaker } = block
    const parts = block.segments.map(splitPartial)
    const [stable, partial] = [0, 1].map((at) => joined(parts.map((part) => part[at])))
    const name = names ? speakerName(speaker, speakers) : ''
    return [{ key, name, color: speakerColor(speaker, speakers), stable, partial }]
  })
}

/**
 * Whether a message tells what has been said just now: a line that somebody corrects, and a snapshot that repeats what
 * is known, do not.
 *
 * @param {Transcript} before
 * @param {Transcript} after the message
 * @param {ServerMessage} message
 */
export function tellsMore(before, after, message) {
  if (message.type === 'segment') {
    if (before.segments.get(message.id)?.final || !message.text) return false
  } else if (message.type !== 'snapshot') return false
  return newestEnd(after) > newestEnd(before) || shownText(after) !== shownText(before)
}

/**
 * In how many seconds what is shown is to disappear, counted from a message on.
 *
 * @param {number} seconds that the address asks for
 * @param {Transcript} before
 * @param {Transcript} after the message
 * @param {boolean} more whether it tells what has been said just now
 * @returns {number | null} null where nothing changes; infinite where it is to stay
 */
export function disappearsIn(seconds, before, after, more) {
  const stays = seconds || Infinity
  if (after.phase !== 'ended') return more ? stays : null
  const ends = before.phase !== 'ended' && stays > LAST
  return more || ends ? Math.min(stays, LAST) : null
}

/** @param {Pick<Transcript, 'segments'>} transcript */
const newestEnd = ({ segments }) => [...segments.values()].reduce((latest, { end }) => Math.max(latest, end), 0)

/** @param {Transcript} transcript */
const shownText = (transcript) =>
  joined(newestCaptions(transcript, false).flatMap(({ stable, partial }) => [stable, partial]))

/** @type {(texts: string[]) => string} */
const joined = (texts) => joinWords(texts.filter((text) => text.trim()).map((text) => text.trim()))
