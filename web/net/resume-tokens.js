// What a reload of this tab needs to go on with its recording.

/** @typedef {{ source_id: string, token: string }} ResumeToken */

/** @type {(id: string) => string} */
const slot = (id) => `source of ${id}`

/**
 * @param {string} id of the meeting
 * @param {import('../state/wire-messages.js').Session} session
 */
export function rememberSource(id, { source_id, resume_token: token }) {
  sessionStorage.setItem(slot(id), JSON.stringify({ source_id, token }))
}

/**
 * @param {string} id of the meeting
 * @returns {ResumeToken | null}
 */
export const rememberedSource = (id) => JSON.parse(sessionStorage.getItem(slot(id)) ?? 'null')

/**
 * @param {string} id of the meeting
 */
export const forgetSource = (id) => sessionStorage.removeItem(slot(id))
