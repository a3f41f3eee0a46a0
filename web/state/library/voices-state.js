// All that the page of voices shows, as one value, and how it changes; pure.

/**
 * A voice that is kept, as the HTTP API tells it.
 *
 * @typedef {object} KeptVoice
 * @property {string} id
 * @property {string} name
 * @property {string} model of the embedding that it was made with
 * @property {string | null} created_at
 * @property {number} meetings in how many it was heard
 * @property {boolean} used false where another model serves, with which it cannot be compared
 */

/**
 * @typedef {object} VoicesState
 * @property {boolean} locked the server asks for its token; this is final
 * @property {readonly KeptVoice[] | null} voices by name; null until the server has answered
 * @property {string} problem what went wrong last
 */

/** @type {VoicesState} */
export const openedVoices = { locked: false, voices: null, problem: '' }

/**
 * @param {VoicesState} state
 * @param {string} id
 * @param {string} name
 * @returns {VoicesState}
 */
export const voiceRenamed = (state, id, name) => ({
  ...state,
  voices: state.voices && state.voices.map((voice) => (voice.id === id ? { ...voice, name } : voice)),
  problem: '',
})

/**
 * @param {VoicesState} state
 * @param {string} id
 * @returns {VoicesState}
 */
export const voiceForgotten = (state, id) => ({
  ...state,
  voices: state.voices && state.voices.filter((voice) => voice.id !== id),
  problem: '',
})
