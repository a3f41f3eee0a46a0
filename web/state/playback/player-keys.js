// What a key means to the player; pure.

/** @typedef {'toggle' | 'back' | 'forward' | 'slower' | 'faster'} PlayerAction */

/**
 * @typedef {object} PressedKey
 * @property {string} key as the browser names it
 * @property {boolean} modified whether Ctrl, Alt or Meta is held
 * @property {boolean} inField whether the focus is in something that takes all keys, such as a field or a dialog
 * @property {boolean} onButton whether it is on something that a space presses
 * @property {boolean} inPlayer whether the focus is within the player
 */

/** @type {Readonly<Record<string, PlayerAction>>} */
const ANYWHERE = { ' ': 'toggle', ArrowLeft: 'back', ArrowRight: 'forward' }

// Keys that write a sign are shortcuts only there: people who speak to their computer would press them unawares.
/** @type {Readonly<Record<string, PlayerAction>>} */
const IN_PLAYER = { '<': 'slower', '>': 'faster' }

/**
 * @param {PressedKey} pressed
 * @returns {PlayerAction | null}
 */
export function playerAction({ key, modified, inField, onButton, inPlayer }) {
  if (modified || inField || (onButton && key === ' ')) return null
  if (inPlayer && Object.hasOwn(IN_PLAYER, key)) return IN_PLAYER[key]
  return Object.hasOwn(ANYWHERE, key) ? ANYWHERE[key] : null
}
