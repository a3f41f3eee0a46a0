// The composition root: which page is shown, and how one leads to the other without a reload.

import { takeTokenFromAddress } from './net/tokens.js'
import { home, meetingAt } from './net/urls.js'
import { HomePage } from './pages/home-page.js'
import { MeetingPage } from './pages/meeting-page.js'

const main = document.getElementById('main')
const actions = document.getElementById('actions')
// They are relative to the address that was opened, which is about to change without a reload.
for (const link of document.querySelectorAll('link[rel=icon], .brand')) link.href = link.href

let page = null
let shownPath = null

// intent: what the page that was left already has in hand, such as an open microphone.
async function go(path, intent = {}) {
  if (!(await mayLeave())) return
  history.pushState(null, '', path)
  show(intent)
  main.focus({ preventScroll: true })
}

const mayLeave = async () => !page?.mayLeave || (await page.mayLeave())

function show(intent = {}) {
  takeTokenFromAddress()
  page?.unmount()
  main.replaceChildren()
  actions.replaceChildren()
  shownPath = location.pathname
  const meeting = meetingAt(shownPath)
  const place = { main, actions, announcer: document.getElementById('announcer'), go, again: show }
  page = meeting ? new MeetingPage(place, meeting, intent) : new HomePage(place)
  page.mount()
  window.scrollTo(0, 0)
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href]')
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.origin !== location.origin || link.target || link.hasAttribute('download') || link.hash) return
  if (link.pathname !== home && !meetingAt(link.pathname)) return
  event.preventDefault()
  go(link.pathname)
})

window.addEventListener('popstate', async () => {
  if (location.pathname === shownPath) return
  if (page?.mayLeave) {
    const wanted = location.pathname
    history.pushState(null, '', shownPath) // the browser has left already; stay until the answer is known
    if (!(await mayLeave())) return
    history.pushState(null, '', wanted)
  }
  show()
})

// A link to the meeting that is shown already changes the address without a reload.
window.addEventListener('hashchange', () => takeTokenFromAddress() && show())

show()
