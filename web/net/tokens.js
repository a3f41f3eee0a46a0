// What this tab may open: tokens from links and from signing in. They are kept for this tab alone and travel in
// headers, never in an address.

import { home, meetingAt } from './urls.js'

// Two servers may be shown below different paths of one site.
const SERVER = `server token ${home}`
const slot = (id) => `token ${home} of ${id}`
const FITTING = /^[A-Za-z0-9._~-]{1,512}$/

// Takes the token out of a link (/m/ID#t=TOKEN), so that it is in no bookmark and nobody reads it over a shoulder.
// Returns whether there was one.
export function takeTokenFromAddress() {
  const meeting = meetingAt(location.pathname)
  const token = /^#t=(.*)$/.exec(location.hash)?.[1]
  if (meeting === null || token === undefined) return false
  history.replaceState(history.state, '', location.pathname)
  if (FITTING.test(token)) sessionStorage.setItem(slot(meeting), token)
  return true
}

// The token for a meeting, or for the server when no meeting is named; null where there is none.
export function tokenFor(id) {
  return sessionStorage.getItem(SERVER) ?? linkToken(id)
}

export const linkToken = (id) => (id ? sessionStorage.getItem(slot(id)) : null)
export const signedIn = () => sessionStorage.getItem(SERVER) !== null

// False, and nothing kept, where it cannot be a token.
export function signIn(token) {
  if (!FITTING.test(token)) return false
  sessionStorage.setItem(SERVER, token)
  return true
}

export const signOut = () => sessionStorage.removeItem(SERVER)

// The server did not take this token: it is of no use any more.
export function forgetToken(token) {
  for (const key of Object.keys(sessionStorage)) {
    if ((key === SERVER || key.startsWith(slot(''))) && sessionStorage.getItem(key) === token) sessionStorage.removeItem(key)
  }
}

export const authorization = (token) => (token ? { Authorization: `Bearer ${token}` } : {})

// What a socket offers: browsers let it carry no header.
export const subprotocols = (token) => (token ? ['meeting.v1', `bearer.${token}`] : [])
