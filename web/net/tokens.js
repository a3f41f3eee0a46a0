// What this tab may open: tokens from links and from signing in. They are kept for this tab alone and travel in
// headers, never in an address.

import { tabStorage } from '../storage/storage.js'
import { captionsAt, home, meetingAt } from './urls.js'

// Two servers may be shown below different paths of one site.
const SERVER = `server token ${home}`
const VALID = /^[A-Za-z0-9._~-]{1,512}$/

/** @type {(id: string) => string} */
const slot = (id) => `token ${home} of ${id}`

/**
 * Takes the token out of a link (/m/ID#t=TOKEN), so that it is in no bookmark and nobody reads it over a shoulder.
 *
 * @returns {boolean} whether there was one
 */
export function takeTokenFromAddress() {
  const meeting = meetingAt(location.pathname) ?? captionsAt(location.pathname)
  const token = /^#t=(.*)$/.exec(location.hash)?.[1]
  if (meeting === null || token === undefined) return false
  history.replaceState(history.state, '', location.pathname + location.search)
  if (VALID.test(token)) tabStorage.set(slot(meeting), token)
  return true
}

/**
 * The token for a meeting, or for the server when no meeting is named; null where there is none.
 *
 * @param {string} [id]
 */
export const tokenFor = (id) => tabStorage.get(SERVER) ?? (id ? linkToken(id) : null)

/**
 * The token that the link to a meeting brought.
 *
 * @param {string} id
 */
export const linkToken = (id) => tabStorage.get(slot(id))

/** Whether this tab holds the server's token. */
export const signedIn = () => tabStorage.get(SERVER) !== null

/**
 * Keeps the server's token.
 *
 * @param {string} token
 * @returns {boolean} false, and nothing kept, where it cannot be a token
 */
export function keepServerToken(token) {
  if (!VALID.test(token)) return false
  tabStorage.set(SERVER, token)
  return true
}

/** Forgets the server's token. */
export const signOut = () => tabStorage.remove(SERVER)

/**
 * The server did not take this token: it is of no use any more.
 *
 * @param {string} token
 */
export function forgetToken(token) {
  for (const key of tabStorage.keys) {
    const ours = key === SERVER || key.startsWith(slot(''))
    if (ours && tabStorage.get(key) === token) tabStorage.remove(key)
  }
}

/**
 * @param {string | null} token
 * @returns {Record<string, string>} headers
 */
export const authorization = (token) => (token ? { Authorization: `Bearer ${token}` } : {})

/**
 * What a socket offers: browsers let it carry no header.
 *
 * @param {string | null} token
 */
export const subprotocols = (token) => (token ? ['meeting.v1', `bearer.${token}`] : [])
