// Which words are heard at a second of a meeting, and at which second a word is; pure.

import { joinWords, spaceBetween } from '../format.js'

/** @typedef {import('../transcript.js').Segment} Segment */
/** @typedef {import('../turns.js').Block} Block */

/** @typedef {{ id: string, from: number, to: number }} Heard  part of the text of a line, in UTF-16 units */

/**
 * What is heard, of each line in which somebody speaks then: the word that began last, or the whole line where the
 * times of its words are not known.
 *
 * @param {readonly Block[]} blocks
 * @param {number} second
 * @returns {Heard[]}
 */
export function heardAt(blocks, second) {
  /** @type {Heard[]} */
  const heard = []
  for (const block of blocks) {
    if (block.kind !== 'turn' || second < block.start || second >= block.end) continue
    for (const segment of block.segments) {
      if (second < segment.start || second >= segment.end) continue
      const words = placedWords(segment)
      const word = words?.filter(({ start }) => start <= second).at(-1)
      if (word) heard.push({ id: segment.id, from: word.from, to: word.to })
      else if (!words) heard.push({ id: segment.id, from: 0, to: segment.text.length })
    }
  }
  return heard
}

/**
 * The second at which the word begins that stands at a place of a line's text.
 *
 * @param {Segment} segment
 * @param {number} offset in UTF-16 units
 */
export function secondOf(segment, offset) {
  const word = placedWords(segment)?.find(({ to }) => offset <= to)
  return word?.start ?? segment.start
}

/**
 * The line that is read at a second: the last one that has begun, else the first.
 *
 * @param {readonly Block[]} blocks
 * @param {number} second
 * @returns {Segment | null}
 */
export function lineAt(blocks, second) {
  const lines = blocks.flatMap((block) => (block.kind === 'turn' ? block.segments : []))
  return lines.filter(({ start }) => start <= second + 0.001).at(-1) ?? lines[0] ?? null
}

/**
 * Words with their places in the text; null where they are not what the text says.
 *
 * @param {Segment} segment
 */
function placedWords({ text, words }) {
  if (!words?.length || joinWords(words.map((word) => word.text)) !== text) return null
  let to = 0
  return words.map((word, at) => {
    const from = to + (at ? spaceBetween(words[at - 1].text, word.text).length : 0)
    to = from + word.text.length
    return { start: word.start, from, to }
  })
}
