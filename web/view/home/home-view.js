// The first page: puts its parts together, and draws them from one state.

import { isEmpty, shownMeetings } from '../../state/home-state.js'
import { isNarrowed } from '../../state/library/list-filter.js'
import { t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, setText } from '../dom.js'
import { signInPage } from '../sign-in-page.js'
import { JobList } from './job-list.js'
import { listFilters } from './list-filters.js'
import { MeetingList } from './meeting-list.js'
import { MeetingOptions } from './meeting-options.js'
import { meetingSearch } from './meeting-search.js'
import { transcriptPicture } from './transcript-picture.js'
import { UndoBar } from './undo-bar.js'

/** @typedef {import('../../state/home-state.js').HomeState} HomeState */
/** @typedef {import('../../state/home-state.js').ListedMeeting} ListedMeeting */
/** @typedef {import('../shell.js').Shell} Shell */

/**
 * What the page asks for.
 *
 * @typedef {object} HomeHandlers
 * @property {(options: MeetingOptions) => void} onRecord
 * @property {(options: MeetingOptions) => void} onSample
 * @property {(files: File[], options: MeetingOptions) => void} onFiles
 * @property {(row: import('../../state/jobs/jobs.js').JobRow) => void} onCancel of a recording
 * @property {() => void} onMore earlier meetings
 * @property {(filter: import('../../state/library/list-filter.js').ListFilter) => void} onFilter
 * @property {(meeting: ListedMeeting) => void} onDelete
 * @property {(meeting: ListedMeeting) => void} onUndo
 * @property {(q: string) => void} onSearch
 * @property {() => void} onSignOut
 * @property {(token: string) => Promise<string>} signIn
 */

export class HomeView {
  #shell
  #handlers
  #start
  #sample
  #jobs
  #list
  #more
  #undo
  #options
  #search
  #notice = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'notice' })
  #empty = el('p', { class: 'empty', hidden: true, 'data-testid': 'empty' })
  #title = el('h2', { id: 'past-title', tabindex: -1 }, t('home.meetings'))
  #voicesPath
  #past = el('section', { class: 'past', 'aria-labelledby': 'past-title' })
  /** @type {HomeState | null} */
  #drawn = null

  /**
   * @param {Shell} shell
   * @param {object} options
   * @param {(id: string) => string} options.pathOf path of a meeting's page
   * @param {string} options.voicesPath path of the page of voices
   * @param {HomeHandlers} options.handlers
   * @param {string} options.name of who used this browser last; empty where that is not known
   * @param {string} options.search what stands in the field for what was said
   */
  constructor(shell, { pathOf, voicesPath, handlers, name, search }) {
    this.#options = new MeetingOptions(name)
    this.#search = meetingSearch(search, handlers.onSearch)
    this.#voicesPath = voicesPath
    const { onCancel, onDelete, onFiles, onMore, onRecord, onSample, onUndo } = handlers
    this.#shell = shell
    this.#handlers = handlers
    const start = { testid: 'new-meeting', label: t('home.new'), look: 'primary big' }
    this.#start = new Button({ ...start, onPress: () => onRecord(this.#options), shape: 'mic' })
    const sample = { testid: 'sample-meeting', label: t('home.sample'), look: 'big' }
    this.#sample = new Button({ ...sample, onPress: () => onSample(this.#options), shape: 'play' })
    this.#jobs = new JobList({ pathOf, onCancel, onFiles: (files) => onFiles(files, this.#options) })
    this.#list = new MeetingList({ pathOf, onDelete })
    this.#undo = new UndoBar(onUndo)
    const more = { class: 'button more', type: 'button', hidden: true, 'data-testid': 'more', onclick: onMore }
    this.#more = el('button', more, t('home.more'))
  }

  /** What stands in the field for what was said. */
  get search() {
    return this.#search.input.value
  }

  /**
   * Keeps what people have written into another one, which this one takes the place of.
   *
   * @param {HomeView} before
   */
  takeOver(before) {
    this.#options.takeOver(before.#options)
  }

  /** @param {HomeState} state */
  open({ signedIn, filter }) {
    const { actions, main } = this.#shell
    document.title = t('app.name')
    const filters = listFilters(filter, this.#handlers.onFilter)
    const head = el('div', { class: 'past-head' }, this.#title, this.#search.form, filters)
    const link = el('a', { href: this.#voicesPath, 'data-testid': 'voices-link' }, t('home.voices'))
    this.#past.append(head, this.#list.node, this.#more, this.#empty, el('p', { class: 'past-foot' }, link))
    const home = el('div', { class: 'home' }, this.#hero(), this.#jobs.node, this.#past)
    this.#jobs.takeDrops(home)
    main.append(home, this.#undo.node)
    if (!signedIn) return
    const onclick = this.#handlers.onSignOut
    actions.append(
      el('button', { class: 'button', type: 'button', 'data-testid': 'sign-out', onclick }, t('home.sign-out')),
    )
  }

  close() {
    this.#jobs.close()
  }

  #hero() {
    return el(
      'section',
      { class: 'hero', 'aria-labelledby': 'hero-title' },
      el(
        'div',
        { class: 'hero-words' },
        el('h1', { id: 'hero-title' }, t('home.title')),
        el('p', { class: 'lead' }, t('home.lead')),
        el('div', { class: 'hero-buttons' }, this.#start.node, this.#sample.node, this.#jobs.button),
        el('p', { class: 'hint' }, t('home.hint')),
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
    this.#start.label = t(state.opening === 'microphone' ? 'home.new.waiting' : 'home.new')
    this.#sample.label = t(state.opening === 'sample' ? 'home.sample.loading' : 'home.sample')
    this.#start.node.disabled = this.#sample.node.disabled = state.opening !== null
    this.#notice.hidden = !state.notice
    setText(this.#notice, state.notice)
    if (state.notice && state.notice !== before?.notice) this.#notice.scrollIntoView({ block: 'nearest' })
    if (before?.jobs !== state.jobs) this.#jobs.render(state.jobs)
    this.#renderList(state, before)
    this.#more.hidden = !state.next
    this.#more.disabled = state.loading
    this.#empty.hidden = !isEmpty(state)
    const narrowed = isNarrowed(state.filter)
    setText(this.#empty, t(narrowed ? 'filter.none' : 'home.empty'))
    this.#past.classList.toggle('none', isEmpty(state) && !narrowed)
  }

  /**
   * @param {HomeState} state
   * @param {HomeState | null} before
   */
  #renderList(state, before) {
    const { meetings, deleting, problem } = state
    if (before?.meetings === meetings && before.deleting === deleting && before.problem === problem) return
    this.#list.render(shownMeetings(state), problem)
    if (before?.deleting === deleting) return
    const back = before?.deleting.find((one) => !deleting.includes(one) && meetings.includes(one))
    if (!this.#undo.render(deleting)) return
    if (!back || !this.#list.focus(back.id)) this.#title.focus({ preventScroll: true })
  }

  // The list of meetings, and making one, are for those who hold the server's token.
  #showLocked() {
    const { actions, main, reload } = this.#shell
    const { signIn } = this.#handlers
    actions.replaceChildren()
    main.replaceChildren(signInPage({ title: t('sign-in.title'), text: t('sign-in.why'), signIn, onDone: reload }))
  }
}
