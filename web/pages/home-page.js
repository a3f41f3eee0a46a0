// The first page: start a meeting, try the sample, find a past one.

import { Microphone } from '../audio/microphone.js'
import { SampleRecording } from '../audio/sample-recording.js'
import * as api from '../net/api.js'
import { signOut, signedIn } from '../net/tokens.js'
import { meetingPath } from '../net/urls.js'
import { day, length } from '../state/format.js'
import { confirm } from '../view/confirm-dialog.js'
import { el, icon, setText } from '../view/dom.js'
import { signInPage } from '../view/sign-in.js'

export class HomePage {
  #place
  #list = el('ul', { class: 'meetings', 'data-testid': 'meeting-list' })
  #more = el('button', { class: 'button more', type: 'button', hidden: true, 'data-testid': 'more', onclick: () => this.#load() }, 'Show earlier meetings')
  #notice = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'notice' })
  #past = el('section', { class: 'past', 'aria-labelledby': 'past-title' })
  #next = null

  constructor(place) {
    this.#place = place
  }

  mount() {
    document.title = 'Meeting transcriber'
    this.#place.main.append(el('div', { class: 'home' }, this.#hero(), this.#past))
    if (signedIn()) this.#place.actions.append(el('button', { class: 'button', type: 'button', 'data-testid': 'sign-out', onclick: () => this.#signOut() }, 'Sign out'))
    this.#past.append(el('h2', { id: 'past-title' }, 'Meetings'), this.#list, this.#more)
    this.#load()
  }

  unmount() {}

  #signOut() {
    signOut()
    this.#place.again()
  }

  // The list of meetings, and making one, are for those who hold the server's token.
  #locked() {
    this.#place.actions.replaceChildren()
    this.#place.main.replaceChildren(
      signInPage({
        title: 'Sign in',
        text: 'This server asks for its token before it shows or makes meetings. If somebody gave you a link to a meeting, open that instead.',
        onDone: () => this.#place.again(),
      }),
    )
  }

  #hero() {
    const start = el('button', { class: 'button primary big', type: 'button', 'data-testid': 'new-meeting' }, icon('mic'), el('span', {}, 'New meeting'))
    const sample = el('button', { class: 'button big', type: 'button', 'data-testid': 'sample-meeting' }, icon('play'), el('span', {}, 'Try the sample meeting'))
    const buttons = [start, sample]
    start.addEventListener('click', () => this.#begin(start, buttons, 'Waiting for the microphone…', () => Microphone.open()))
    sample.addEventListener('click', () => this.#begin(sample, buttons, 'Loading the sample…', () => SampleRecording.open(), 'Sample meeting'))
    return el(
      'section',
      { class: 'hero', 'aria-labelledby': 'hero-title' },
      el(
        'div',
        { class: 'hero-words' },
        el('h1', { id: 'hero-title' }, 'Who said what, while it is being said.'),
        el('p', { class: 'lead' }, 'Press one button and talk. Everyone with the link reads along. The audio stays on this server.'),
        el('div', { class: 'hero-buttons' }, start, sample),
        el('p', { class: 'hint' }, 'The sample is one minute with three voices; it needs no microphone.'),
        this.#notice,
      ),
      picture(),
    )
  }

  // The sound is opened within the click, before the meeting exists: a refused microphone leaves no empty meeting behind.
  async #begin(button, buttons, waiting, open, title) {
    const label = button.querySelector('span')
    const before = label.textContent
    const busy = (on) => buttons.forEach((other) => (other.disabled = on))
    busy(true)
    setText(label, waiting)
    this.#say('')
    let input = null
    try {
      input = await open()
      const meeting = await api.createMeeting(title)
      this.#place.go(meetingPath(meeting.id), { input, links: meeting.links, title: meeting.title })
    } catch (error) {
      await input?.close()
      if (error.status === 401) return this.#locked()
      this.#say(error.message)
      busy(false)
      setText(label, before)
    }
  }

  #say(text) {
    this.#notice.hidden = !text
    setText(this.#notice, text)
  }

  async #load() {
    this.#more.disabled = true
    try {
      const { meetings, next } = await api.listMeetings(this.#next)
      this.#list.append(...meetings.map((meeting) => this.#row(meeting)))
      this.#next = next
      this.#more.hidden = !next
      this.#list.querySelector('.row-error')?.remove()
    } catch (error) {
      if (error.status === 401) return this.#locked()
      this.#list.append(el('li', { class: 'row-error' }, error.message))
    }
    this.#more.disabled = false
    this.#past.classList.toggle('none', this.#list.children.length === 0)
    this.#showEmpty()
  }

  #showEmpty() {
    this.#past.querySelector('.empty')?.remove()
    if (this.#list.children.length) return
    this.#past.append(el('p', { class: 'empty', 'data-testid': 'empty' }, 'No meetings yet. What you record here is kept, and listed in this place.'))
  }

  #row(meeting) {
    const row = el('li', { class: 'row', 'data-meeting': meeting.id })
    const facts = [day(meeting.started_at ?? meeting.created_at), meeting.duration ? length(meeting.duration) : '']
    row.append(
      el(
        'div',
        { class: 'row-words' },
        el('a', { class: 'row-title', href: meetingPath(meeting.id) }, meeting.title || 'Untitled meeting'),
        el('p', { class: 'row-facts' }, ...facts.filter(Boolean).map((fact) => el('span', {}, fact)), badge(meeting.state)),
      ),
      people(meeting.speakers ?? []),
      el(
        'button',
        { class: 'button icon-only quiet', type: 'button', 'data-testid': 'delete', 'aria-label': `Delete ${meeting.title || 'untitled meeting'}`, onclick: () => this.#remove(meeting, row) },
        icon('trash'),
      ),
    )
    return row
  }

  async #remove(meeting, row) {
    const yes = await confirm({
      title: 'Delete this meeting?',
      text: `“${meeting.title || 'Untitled meeting'}”, its transcript and its audio will be gone for good.`,
      no: 'Keep it',
      yes: 'Delete',
      danger: true,
    })
    if (!yes) return
    try {
      await api.deleteMeeting(meeting.id)
      const neighbour = row.nextElementSibling ?? row.previousElementSibling
      row.remove()
      neighbour?.querySelector('a').focus()
      this.#past.classList.toggle('none', this.#list.children.length === 0)
      this.#showEmpty()
    } catch (error) {
      this.#say(error.message)
    }
  }
}

const STATES = { open: 'Not started', live: 'Live now', ending: 'Finishing' }

function badge(state) {
  return STATES[state] ? el('span', { class: 'badge', 'data-state': state }, STATES[state]) : null
}

function people(names) {
  const shown = names.slice(0, 4).map((name, i) => el('span', { class: 'person', 'data-color': i % 10 }, name))
  if (names.length > 4) shown.push(el('span', { class: 'person more' }, `+${names.length - 4}`))
  return el('p', { class: 'people', 'aria-label': names.length ? `Speakers: ${names.join(', ')}` : null }, ...shown)
}

// What a transcript looks like, as a picture: decoration, so hidden from screen readers.
function picture() {
  const line = (color, name, time, text, open) =>
    el(
      'div',
      { class: 'turn', 'data-color': color },
      el('div', { class: 'turn-head' }, el('span', { class: 'turn-name' }, name), el('span', { class: 'turn-time' }, time)),
      el('p', { class: 'turn-text' }, text, open ? el('span', { class: 'partial' }, open) : null),
    )
  return el(
    'div',
    { class: 'picture', 'aria-hidden': 'true' },
    line(1, 'Ann', '00:12', 'Shall we move the release to Thursday?'),
    line(2, 'Ben', '00:15', 'Thursday works, if the tests are green by then.'),
    line(0, 'Carl', '00:19', 'They are. I will write ', 'the announcement to'),
  )
}
