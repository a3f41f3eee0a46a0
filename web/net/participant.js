// Who speaks here, as it was said last: this browser knows it the next time.

import { participantFrom } from '../state/sources/participant.js'
import { browserStorage } from '../storage/storage.js'

/** @typedef {import('../state/sources/participant.js').Participant} Participant */

const SLOT = 'participant'

/** @returns {Participant} */
export function rememberedParticipant() {
  try {
    return participantFrom(JSON.parse(browserStorage.get(SLOT) ?? 'null'))
  } catch {
    return participantFrom(null)
  }
}

/** @param {Participant} participant */
export const rememberParticipant = ({ name, kind }) => browserStorage.set(SLOT, JSON.stringify({ name, kind }))
