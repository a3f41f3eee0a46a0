// Which lines are selected, to be given to a voice together; pure.

/** @typedef {import('../transcript.js').Segment} Segment */
/** @typedef {ReadonlySet<string>} Selection  ids of lines */

/**
 * @param {Selection} selected
 * @param {string} id
 * @returns {Selection}
 */
export function toggled(selected, id) {
  const next = new Set(selected)
  if (!next.delete(id)) next.add(id)
  return next
}

/**
 * With all lines between two, both of them too.
 *
 * @param {Selection} selected
 * @param {readonly string[]} order of all lines
 * @param {string} from
 * @param {string} to
 * @returns {Selection}
 */
export function extended(selected, order, from, to) {
  const [a, b] = [order.indexOf(from), order.indexOf(to)]
  if (b < 0) return selected
  const first = a < 0 ? b : a
  return new Set([...selected, ...order.slice(Math.min(first, b), Math.max(first, b) + 1)])
}

/**
 * Without lines that are gone; the same object where none is.
 *
 * @param {Selection} selected
 * @param {readonly string[]} order of all lines
 * @returns {Selection}
 */
export function remaining(selected, order) {
  if (selected.size === 0) return selected
  const there = new Set(order)
  const left = [...selected].filter((id) => there.has(id))
  return left.length === selected.size ? selected : new Set(left)
}

/**
 * The lines that are selected, as they are shown: those of a long meeting that is read again are also among the stale.
 *
 * @param {Selection} selected
 * @param {Pick<import('../transcript.js').Transcript, 'segments' | 'stale'>} transcript
 * @returns {Segment[]}
 */
export const selectedLines = (selected, { segments, stale }) =>
  [...selected].flatMap((id) => segments.get(id) ?? stale.get(id) ?? [])
