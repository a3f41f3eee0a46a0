// What a reload of this tab needs to go on with what it sends: its microphone, and the sound of another tab.

import { tabStorage } from '../storage/storage.js'

/** @typedef {{ source_id: string, token: string }} ResumeToken */
/** @typedef {import('../state/sources/own-sources.js').OwnKind} OwnKind */

/** @type {Readonly<Record<OwnKind, string>>} */
const SLOTS = { microphone: 'source of', tab: 'tab sound of' }

/** @type {(id: string, kind: OwnKind) => string} */
const slot = (id, kind) => `${SLOTS[kind]} ${id}`

/**
 * @param {string} id of the meeting
 * @param {OwnKind} kind
 * @param {import('../state/wire-messages.js').Session} session
 */
export function rememberSource(id, kind, { source_id, resume_token: token }) {
  tabStorage.set(slot(id, kind), JSON.stringify({ source_id, token }))
}

/**
 * @param {string} id of the meeting
 * @param {OwnKind} kind
 * @returns {ResumeToken | null}
 */
export const rememberedSource = (id, kind) => JSON.parse(tabStorage.get(slot(id, kind)) ?? 'null')

/**
 * @param {string} id of the meeting
 * @param {OwnKind} kind
 */
export const forgetSource = (id, kind) => tabStorage.remove(slot(id, kind))
