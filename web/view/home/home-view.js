// The first page: puts its parts together, and draws them from one state.

import { isEmpty } from '../../state/home-state.js'
import { TOKEN_NEEDED } from '../../state/messages.js'
import { Button } from '../button.js'
import { el, setText } from '../dom.js'
import { signInPage } from '../sign-in-page.js'
import { MeetingList } from './meeting-list.js'
import { MeetingOptions } from './meeting-options.js'
import { transcriptPicture } from './transcript-picture.js'

/** @typedef {import('../../state/home-state.js').HomeState} HomeState */
/** @typedef {import('../../state/home-state.js').ListedMeeting} ListedMeeting */
/** @typedef {import('../shell.js').Shell} Shell */

/**
 * What the page asks for.
 *
 * @typedef {object} HomeHandlers
 * @property {(options: MeetingOptions) => void} onRecord
 * @property {(options: MeetingOptions) => void} onSample
 * @property {() => void} onMore earlier meetings
 * @property {(meeting: ListedMeeting) => void} onDelete
 * @property {() => void} onSignOut
 * @property {(token: string) => Promise<string>} signIn
 */

const TITLE = 'Who said what, while it is being said.'
const LEAD = 'Press one button and talk. Everyone with the link reads along. The audio stays on this server.'
const HINT = 'The sample is one minute with three voices; it needs no microphone.'
const NOTHING = 'No meetings yet. What you record here is kept, and listed in this place.'

export class HomeView {
  #shell
  #handlers
  #start
  #sample
  #list
  #more
  #options = new MeetingOptions()
  #notice = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'notice' })
  #empty = el('p', { class: 'empty', hidden: true, 'data-testid': 'empty' }, NOTHING)
  #past = el('section', { class: 'past', 'aria-labelledby': 'past-title' })
  /** @type {HomeState | null} */
  #drawn = null

  /**
   * @param {Shell} shell
   * @param {object} options
   * @param {(id: string) => string} options.pathOf path of a meeting's page
   * @param {HomeHandlers} options.handlers
   */
  constructor(shell, { pathOf, handlers }) {
    const { onDelete, onMore, onRecord, onSample } = handlers
    this.#shell = shell
    this.#handlers = handlers
    const start = { testid: 'new-meeting', label: 'New meeting', look: 'primary big' }
    this.#start = new Button({ ...start, onPress: () => onRecord(this.#options), shape: 'mic' })
    const sample = { testid: 'sample-meeting', label: 'Try the sample meeting', look: 'big' }
    this.#sample = new Button({ ...sample, onPress: () => onSample(this.#options), shape: 'play' })
    this.#list = new MeetingList({ pathOf, onDelete })
    const more = { class: 'button more', type: 'button', hidden: true, 'data-testid': 'more', onclick: onMore }
    this.#more = el('button', more, 'Show earlier meetings')
  }

  /** @param {HomeState} state */
  open({ signedIn }) {
    const { actions, main } = this.#shell
    document.title = 'Meeting transcriber'
    this.#past.append(el('h2', { id: 'past-title' }, 'Meetings'), this.#list.node, this.#more, this.#empty)
    main.append(el('div', { class: 'home' }, this.#hero(), this.#past))
    if (!signedIn) return
    const onclick = this.#handlers.onSignOut
    actions.append(el('button', { class: 'button', type: 'button', 'data-testid': 'sign-out', onclick }, 'Sign out'))
  }

  #hero() {
    return el(
      'section',
      { class: 'hero', 'aria-labelledby': 'hero-title' },
      el(
        'div',
        { class: 'hero-words' },
        el('h1', { id: 'hero-title' }, TITLE),
        el('p', { class: 'lead' }, LEAD),
        el('div', { class: 'hero-buttons' }, this.#start.node, this.#sample.node),
        el('p', { class: 'hint' }, HINT),
        this.#notice,
        this.#options.node,
      ),
      transcriptPicture(),
    )
  }

  /** @param {HomeState} state */
  render(state) {
    const before = this.#drawn
    this.#drawn = state
    if (state.locked) {
      if (!before?.locked) this.#showLocked()
      return
    }
    this.#start.label = state.opening === 'microphone' ? 'Waiting for the microphone…' : 'New meeting'
    this.#sample.label = state.opening === 'sample' ? 'Loading the sample…' : 'Try the sample meeting'
    this.#start.node.disabled = this.#sample.node.disabled = state.opening !== null
    this.#notice.hidden = !state.notice
    setText(this.#notice, state.notice)
    if (before?.meetings !== state.meetings || before.problem !== state.problem) {
      this.#list.render(state.meetings, state.problem)
    }
    this.#more.hidden = !state.next
    this.#more.disabled = state.loading
    this.#empty.hidden = !isEmpty(state)
    this.#past.classList.toggle('none', isEmpty(state))
  }

  // The list of meetings, and making one, are for those who hold the server's token.
  #showLocked() {
    const { actions, main, reload } = this.#shell
    const { signIn } = this.#handlers
    actions.replaceChildren()
    main.replaceChildren(signInPage({ title: 'Sign in', text: TOKEN_NEEDED, signIn, onDone: reload }))
  }
}
