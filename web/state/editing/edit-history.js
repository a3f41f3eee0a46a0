// Changes by hand that were made in this tab, and those that were taken back; pure.

/**
 * @typedef {object} Made
 * @property {readonly string[]} changes as the server calls them, in the order in which they were made
 * @property {string} text what is said of it, such as "Line changed."
 */

/**
 * @typedef {object} History
 * @property {readonly Made[]} done the last one is taken back first
 * @property {readonly Made[]} undone the last one is made again first
 * @property {string} said about the last change; empty once nothing is to be said
 */

const MOST = 100 // as many as the server remembers

/** @type {Readonly<History>} */
export const NO_HISTORY = Object.freeze({ done: [], undone: [], said: '' })

/**
 * @param {History} edits
 * @param {Made} made
 * @returns {History}
 */
export const withChange = (edits, made) => ({ done: [...edits.done, made].slice(-MOST), undone: [], said: made.text })

/**
 * @param {History} edits
 * @param {readonly string[]} changes by which what was taken back is made again, in the order in which they were made
 * @param {string} said
 * @returns {History}
 */
export function afterUndo({ done, undone }, changes, said) {
  const last = done[done.length - 1]
  return { done: done.slice(0, -1), undone: [...undone, { ...last, changes }], said }
}

/**
 * @param {History} edits
 * @param {readonly string[]} changes by which what was made again is taken back
 * @returns {History}
 */
export function afterRedo({ done, undone }, changes) {
  const last = undone[undone.length - 1]
  return { done: [...done, { ...last, changes }], undone: undone.slice(0, -1), said: last.text }
}

/**
 * What was changed by others since cannot be taken back, nor what came before it.
 *
 * @param {History} edits
 * @param {'done' | 'undone'} which
 * @returns {History}
 */
export const forgotten = (edits, which) => ({ ...edits, [which]: [] })
