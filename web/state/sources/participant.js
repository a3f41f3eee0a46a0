// Who is heard through a microphone, as somebody says it before it is shared; pure.

import { t } from '../../texts/texts.js'

/** @typedef {'solo' | 'room'} SourceKind  one person's headset, or a microphone that several speak into */
/** @typedef {{ name: string, kind: SourceKind }} Participant */

/** Characters of a name. */
export const LONGEST_NAME = 200

/**
 * What is wrong with it, for the reader; empty where nothing is.
 *
 * @param {Participant} participant
 */
export const participantProblem = ({ name, kind }) => (kind === 'solo' && !name.trim() ? t('join.name.missing') : '')

/**
 * Somebody as they were remembered; a microphone that several speak into where that makes no sense.
 *
 * @param {unknown} value
 * @returns {Participant}
 */
export function participantFrom(value) {
  const { name, kind } = Object(value)
  const known = typeof name === 'string' ? name.slice(0, LONGEST_NAME) : ''
  return { name: known, kind: kind === 'solo' && known ? 'solo' : 'room' }
}
