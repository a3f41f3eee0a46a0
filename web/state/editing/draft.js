// A line that somebody writes, while others may change it; pure.

/** @typedef {import('../transcript.js').Segment} Segment */

/** @typedef {{ speaker: string | null } | { new_speaker: string }} Voice  to whom a line is given */

/**
 * @typedef {object} Draft
 * @property {Segment} base the line that was read before writing
 * @property {Segment | null} theirs what somebody else has made of it meanwhile
 * @property {boolean} gone somebody has joined it to another, or the split that it came from was taken back
 */

/** @type {(line: Segment) => Draft} */
export const begin = (base) => ({ base, theirs: null, gone: false })

/**
 * The draft after a look at the line. Another label alone is nobody's objection to what is written, and a text that
 * nobody has touched follows.
 *
 * @param {Draft} draft
 * @param {Segment | undefined} line as it is now
 * @param {boolean} touched whether what is written differs from the base
 * @returns {Draft}
 */
export function seen(draft, line, touched) {
  if (!line?.text) return draft.gone ? draft : { ...draft, gone: true }
  if (line === draft.base || line === draft.theirs) return draft.gone ? { ...draft, gone: false } : draft
  if (line.text === draft.base.text || !touched) return begin(line)
  return { ...draft, theirs: line, gone: false }
}

/** @type {(draft: Draft) => Draft} the same with what others wrote as its base: it was read, and may be replaced */
export const agreed = (draft) => (draft.theirs ? begin(draft.theirs) : draft)

/** @type {(text: string) => string} as it is sent: a line has no breaks and no space at its ends */
export const plain = (text) => text.trim().replace(/\s+/g, ' ')

/**
 * What stands before and after the cursor; null where one of them has no word.
 *
 * @param {string} text
 * @param {number} at
 * @returns {[string, string] | null}
 */
export function splitAt(text, at) {
  const parts = /** @type {[string, string]} */ ([plain(text.slice(0, at)), plain(text.slice(at))])
  return parts.every(Boolean) ? parts : null
}

/**
 * The line after another one of the same source; null where there is none that nothing is heard of any more.
 *
 * @param {readonly Segment[]} lines in order of time
 * @param {Segment} line
 */
export function nextLine(lines, line) {
  const own = lines.filter(({ source_id: source }) => source === line.source_id)
  const next = own[own.findIndex(({ id }) => id === line.id) + 1]
  return next?.final && own.some(({ id }) => id === line.id) ? next : null
}
