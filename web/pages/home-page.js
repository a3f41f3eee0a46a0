// The first page: start a meeting, try the sample, find a past one.

import { Microphone } from '../audio/microphone.js'
import { SampleRecording } from '../audio/sample-recording.js'
import * as api from '../net/api.js'
import { rememberParticipant, rememberedParticipant } from '../net/participant.js'
import { signOut, signedIn } from '../net/tokens.js'
import { meetingPath, search, voices } from '../net/urls.js'
import * as change from '../state/home-state.js'
import { listQuery } from '../state/library/list-filter.js'
import { wantsMore } from '../state/library/list-pages.js'
import { addressQuery } from '../state/library/search-state.js'
import { t } from '../texts/texts.js'
import { setText } from '../view/dom.js'
import { HomeView } from '../view/home/home-view.js'
import { attention } from './attention.js'
import { Deletions } from './home/deletions.js'
import { HomeJobs } from './home/home-jobs.js'
import { PageStore } from './page-store.js'
import { forgetPlaces } from './places.js'
import { signIn } from './sign-in.js'

/** @typedef {import('../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../state/home-state.js').ListedMeeting} ListedMeeting */
/** @typedef {import('./page.js').PageShell} PageShell */
/** @typedef {import('../state/library/list-filter.js').ListFilter} ListFilter */
/** @typedef {{ filter: ListFilter, count: number, search?: string }} HeldList  search: what stands in that field */

const REFRESH = 15_000 // milliseconds between two looks at what is live

export class HomePage {
  #shell
  #view
  #store
  #deletions
  /** @type {number | undefined} */
  #ticker
  #ignore = () => {}
  #jobs
  #held

  /**
   * @param {PageShell} shell
   * @param {HeldList | null} held of the page that is shown again
   */
  constructor(shell, held) {
    this.#shell = shell
    this.#held = held
    this.#view = this.#newView(held?.search)
    const opened = change.openedHome(signedIn(), held?.filter)
    this.#store = new PageStore(opened, (state) => this.#view.render(state))
    this.#deletions = new Deletions(this.#store, api.deleteMeeting)
    this.#jobs = new HomeJobs({
      onChange: (jobs) => this.#store.set({ jobs }),
      onDone: (titles) => this.#recordingsDone(titles),
      onProblem: (notice) => this.#store.set({ notice }),
    })
  }

  #newView(searched = '') {
    return new HomeView(this.#shell, {
      pathOf: meetingPath,
      voicesPath: voices,
      name: rememberedParticipant().name,
      search: searched,
      handlers: {
        onRecord: (options) => this.#begin('microphone', () => Microphone.open(), options),
        onSample: (options) => this.#begin('sample', () => SampleRecording.open(), options, t('sample.title')),
        onFiles: (files, options) => this.#transcribe(files, options),
        onCancel: (row) => this.#jobs.cancel(row),
        onMore: () => this.#load(this.#store.state.next),
        onFilter: (filter) => this.#filter(filter),
        onDelete: (meeting) => this.#delete(meeting),
        onUndo: (meeting) => this.#undo(meeting),
        onSearch: (q) => this.#shell.go(search + addressQuery({ q, speaker: '', since: '', until: '' })),
        onSignOut: () => this.#signOut(),
        signIn,
      },
    })
  }

  mount() {
    this.#view.open(this.#store.state)
    this.#loadAgain(this.#held?.count ?? 0)
    this.#jobs.open()
    this.#ticker = setInterval(this.#refresh, REFRESH)
    this.#ignore = attention.onReturn(this.#refresh)
  }

  unmount() {
    clearInterval(this.#ticker)
    this.#ignore()
    this.#jobs.close()
    this.#view.close()
    this.#store.close()
    this.#deletions.close()
  }

  /** @returns {HeldList | null} */
  keep() {
    const { filter, locked, meetings } = this.#store.state
    return locked ? null : { filter, count: meetings.length, search: this.#view.search }
  }

  redraw() {
    const before = this.#view
    before.close()
    this.#view = this.#newView(before.search)
    this.#view.takeOver(before)
    this.#view.open(this.#store.state)
    this.#store.draw()
  }

  #signOut() {
    signOut()
    forgetPlaces()
    this.#store.set({ locked: true })
    this.#shell.reload()
  }

  /** @param {ListFilter} filter */
  #filter(filter) {
    this.#store.update((state) => change.filtered(state, filter))
    this.#load(null)
  }

  /**
   * The newest meetings, and so many earlier ones that there are as many as there were.
   *
   * @param {number} count
   */
  async #loadAgain(count) {
    const { filter } = this.#store.state
    const wants = () => {
      const { closed, state } = this.#store
      return !closed && state.filter === filter && wantsMore(state, state.meetings.length, count)
    }
    await this.#load(null)
    while (wants()) await this.#load(this.#store.state.next)
  }

  /**
   * @param {string | null} before the `next` of the page before; null for the newest meetings
   * @param {boolean} [quietly] nobody waits for it
   */
  async #load(before, quietly = false) {
    const { filter, listed, meetings } = this.#store.state
    if (!quietly) this.#store.set({ loading: true })
    try {
      const page = await api.listMeetings(listQuery(filter, before))
      const { state } = this.#store
      if (filter !== state.filter) return // others are asked for meanwhile
      if (!before && filter === listed && meetings !== state.meetings) {
        this.#store.set({ loading: false }) // what was deleted meanwhile is still in the answer
        return
      }
      this.#store.update((state) => (before ? change.listLoaded(state, page) : change.listRefreshed(state, page)))
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.update((state) => change.listFailed(state, error.message))
    }
  }

  // Which meetings are live changes while the page is open.
  #refresh = () => {
    const { loading, locked } = this.#store.state
    if (attention.isSeen() && !loading && !locked) this.#load(null, true)
  }

  /**
   * @param {File[]} files
   * @param {import('../view/home/meeting-options.js').MeetingOptions} options
   */
  #transcribe(files, options) {
    const notice = options.check('file')
    this.#store.set({ notice })
    const { asked, recorded } = options
    if (!notice) this.#jobs.send(files, { asked, recorded })
  }

  /** @param {string[]} titles */
  #recordingsDone(titles) {
    setText(this.#shell.announcer, titles.map((title) => t('jobs.done', { title })).join(' '))
    this.#load(null, true)
  }

  /**
   * The sound is opened within the click, before the meeting exists: a refused microphone leaves no empty meeting
   * behind.
   *
   * @param {import('../state/recording.js').SoundKind} opening
   * @param {() => Promise<AudioInput>} open
   * @param {import('../view/home/meeting-options.js').MeetingOptions} options
   * @param {string} [title]
   */
  async #begin(opening, open, options, title) {
    const problem = options.check(opening)
    if (problem) {
      this.#store.set({ notice: problem })
      return
    }
    const { participant } = options
    if (opening === 'microphone') rememberParticipant(participant)
    this.#store.set({ opening, notice: '' })
    /** @type {AudioInput | null} */
    let input = null
    try {
      input = await open()
      const meeting = this.#store.closed ? null : await api.createMeeting({ title, ...options.asked })
      if (!meeting || this.#store.closed) {
        // Whoever has gone on to another page meanwhile is neither recorded nor brought back.
        await input.close()
        if (meeting) await api.deleteMeeting(meeting.id)
        return
      }
      const heard = opening === 'microphone' ? { participant } : {}
      this.#shell.go(meetingPath(meeting.id), { input, ...heard, links: meeting.links, title: meeting.title })
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      await input?.close()
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.set({ opening: null, notice: error.message })
    }
  }

  /** @param {ListedMeeting} meeting */
  #delete(meeting) {
    const title = meeting.title || t('meeting.untitled')
    if (meeting.state === 'live') {
      this.#store.set({ notice: t('delete.live', { title }) })
      return
    }
    this.#store.update((state) => change.deletionBegan(state, meeting))
    this.#deletions.begin(meeting)
  }

  /** @param {ListedMeeting} meeting */
  #undo(meeting) {
    this.#deletions.undo(meeting)
    this.#store.update((state) => change.deletionUndone(state, meeting.id))
  }
}
