// What a host does with the sources of a meeting, through the HTTP API.

import { addressOf, call } from './api.js'

/** @type {(id: string, source: string) => string} */
const sourceAddress = (id, source) => `${addressOf(id)}/sources/${encodeURIComponent(source)}`

/** @type {(id: string, source: string, muted: boolean) => Promise<void>} */
export const muteSource = (id, source, muted) => call('PATCH', sourceAddress(id, source), { body: { muted }, id })

/** @type {(id: string, source: string) => Promise<void>} */
export const removeSource = (id, source) => call('DELETE', sourceAddress(id, source), { id })
