// The composition root: which page is shown, and how one leads to the other without a reload.

import { takeTokenFromAddress } from './net/tokens.js'
import { captionsAt, home, meetingAt, search, voices } from './net/urls.js'
import { CaptionsPage } from './pages/captions/captions-page.js'
import { HomePage } from './pages/home-page.js'
import { openLanguageMenu, useLanguage } from './pages/language.js'
import { MeetingPage } from './pages/meeting-page.js'
import { Places } from './pages/places.js'
import { SearchPage } from './pages/search/search-page.js'
import { VoicesPage } from './pages/voices-page.js'

/** @typedef {import('./pages/page.js').NewMeeting} NewMeeting */
/** @typedef {import('./pages/page.js').Page} Page */

/** @type {(id: string) => HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id))

const main = byId('main')
const actions = byId('actions')
const announcer = byId('announcer')

// They are relative to the address that was opened, which is about to change without a reload.
for (const link of document.querySelectorAll('link[rel=icon], .brand')) {
  const opened = /** @type {HTMLLinkElement | HTMLAnchorElement} */ (link)
  opened.href = opened.href
}

history.scrollRestoration = 'manual' // what the browser would scroll to is not drawn yet
const places = new Places(main)

/** @type {Page | null} */
let page = null
/** @type {string | null} */
let shownPath = null
let shownEntry = 0 // of the browser's history: its number, so that the way back to it is known
let shownKey = '' // its name, which no other entry has
let agreed = false // to leave the page that is shown, although it holds something
/** @type {(() => void) | null} shows where people want to go, once they may */
let next = null
let asking = false
/** @type {number | null} entry that the browser was at before it was sent back to the page that holds something */
let wanted = null

// What is looked for makes a page of its own, which a moment of a meeting does not.
const openedPath = () => location.pathname + (location.pathname === search ? location.search : '')

/**
 * @param {string} path
 * @param {NewMeeting} [meeting] what the page that was left already has in hand, such as an open microphone
 */
function go(path, meeting = {}) {
  leaveFor(() => {
    const again = path === location.pathname + location.search // no further entry, as with any link of the browser's
    const state = { entry: shownEntry + (again ? 0 : 1), key: newKey() }
    if (again) history.replaceState(state, '')
    else history.pushState(state, '', path)
    show(meeting)
    main.focus({ preventScroll: true })
  })
}

const holds = () => !agreed && (page?.holds ?? false)

/**
 * Goes elsewhere, after a question where the page holds something. Whoever asks for another place while it is open
 * gets no second one, and is led to the newest.
 *
 * @param {() => void} there
 */
async function leaveFor(there) {
  next = there
  if (asking) return
  if (holds()) {
    asking = true
    agreed = await mayLeave().finally(() => (asking = false))
    if (!agreed) return
  }
  next()
}

const mayLeave = async () => (page?.mayLeave ? page.mayLeave() : true)

/** @param {NewMeeting} [meeting] */
function show(meeting = {}) {
  takeTokenFromAddress()
  keepPlace()
  page?.unmount()
  main.replaceChildren()
  actions.replaceChildren()
  agreed = false
  shownPath = openedPath()
  shownEntry = entryHere()
  shownKey = history.state.key
  page = pageAt(location.pathname, meeting, places.held(shownKey, shownPath))
  page.mount()
  places.bring(shownKey, shownPath)
}

function keepPlace() {
  if (!page || shownPath === null) return
  places.keep(shownKey, shownPath, page.keep ? page.keep() : {}, page.leadsOn ?? false)
}

const newKey = () => `${Date.now()}.${Math.random()}`

/**
 * The number of the entry of the history that the browser is at. One without a number was made by the browser behind
 * the page that is shown (#main) or, with another path, before it, by a version of this file that numbered none.
 *
 * @returns {number}
 */
function entryHere() {
  const { entry: known, key } = history.state ?? {}
  if (Number.isInteger(known) && key) return known
  const entry = known ?? shownEntry + (openedPath() === shownPath ? 1 : -1)
  history.replaceState({ entry, key: newKey() }, '')
  return entry
}

/**
 * @param {string} path
 * @param {NewMeeting} meeting
 * @param {any} held what the page that is shown again asked for when it was left
 * @returns {Page}
 */
function pageAt(path, meeting, held) {
  const shell = { main, actions, announcer, go, reload: () => show() }
  const id = meetingAt(path)
  if (id) return new MeetingPage(shell, id, meeting, held)
  const captioned = captionsAt(path)
  if (captioned) return new CaptionsPage(shell, captioned, location.search)
  if (path === voices) return new VoicesPage(shell)
  return path === search ? new SearchPage(shell, location.search, held) : new HomePage(shell, held)
}

document.addEventListener('click', (event) => {
  const target = /** @type {Element} */ (event.target)
  const link = /** @type {HTMLAnchorElement | null} */ (target.closest('a[href]'))
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.origin !== location.origin || link.target || link.hasAttribute('download') || link.hash) return
  if (![home, search, voices].includes(link.pathname) && !meetingAt(link.pathname)) return
  event.preventDefault()
  go(link.pathname + link.search)
})

// A file that is dropped beside what takes it would take the place of the page, and end what that records or sends.
for (const type of /** @type {const} */ (['dragover', 'drop'])) {
  window.addEventListener(type, (event) => {
    if (event.defaultPrevented || event.dataTransfer?.items[0]?.kind !== 'file') return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'none'
  })
}

window.addEventListener('popstate', () => {
  const entry = entryHere()
  if (openedPath() !== shownPath) {
    if (!holds()) return show()
    wanted = entry
    history.go(shownEntry - entry) // the browser has left already; stay until the answer is known
    return
  }
  shownEntry = entry
  shownKey = history.state.key
  if (wanted === null) return
  const way = wanted - entry
  wanted = null
  leaveFor(() => history.go(way))
})

// As the tab may be thrown away once nobody sees it, and is read anew by a reload.
window.addEventListener('pagehide', keepPlace)
document.addEventListener('visibilitychange', () => document.hidden && keepPlace())

// A link to the meeting that is shown already changes the address without a reload.
window.addEventListener('hashchange', () => {
  if (takeTokenFromAddress()) leaveFor(() => show())
})

useLanguage()
openLanguageMenu(/** @type {HTMLSelectElement} */ (byId('languages')), () => {
  main.replaceChildren()
  actions.replaceChildren()
  page?.redraw()
})
show()
