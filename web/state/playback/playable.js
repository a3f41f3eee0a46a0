// Whether a meeting's audio can be played here, and how long it is; pure.

import { allows } from '../permissions.js'
import { elapsed } from '../selectors.js'

/** @typedef {import('../page-state.js').PageState} PageState */

/**
 * Whether audio of this meeting was kept.
 *
 * @param {PageState} state
 */
const wasKept = ({ facts }) => Boolean(facts?.sources?.some(({ audio }) => audio.kept))

/**
 * Whether somebody with this page's rights can hear the meeting, or what there is of it so far.
 *
 * @param {PageState} state
 */
export const isPlayable = (state) =>
  allows(state.permission, 'host') && wasKept(state) && !['connecting', 'open'].includes(state.transcript.phase)

/**
 * Whether it is to be said that there is nothing to hear.
 *
 * @param {PageState} state
 */
export const lacksAudio = (state) =>
  state.facts !== null &&
  state.transcript.phase === 'ended' &&
  state.transcript.segments.size > 0 &&
  allows(state.permission, 'host') &&
  !wasKept(state)

/**
 * Seconds of the meeting that can be heard.
 *
 * @param {PageState} state
 */
export function audioLength(state) {
  const { facts, playback, transcript } = state
  const told = transcript.phase === 'ended' ? (facts?.duration ?? 0) : elapsed(state)
  return Math.max(told, playback.length)
}
