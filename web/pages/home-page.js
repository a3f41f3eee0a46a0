// The first page: start a meeting, try the sample, find a past one.

import { Microphone } from '../audio/microphone.js'
import { SampleRecording } from '../audio/sample-recording.js'
import * as api from '../net/api.js'
import { signOut, signedIn } from '../net/tokens.js'
import { meetingPath, search } from '../net/urls.js'
import { listFailed, listLoaded, meetingDeleted, newestLoaded, openedHome } from '../state/home-state.js'
import { addressQuery } from '../state/library/search-state.js'
import { t } from '../texts/texts.js'
import { confirm } from '../view/dialogs/confirm-dialog.js'
import { setText } from '../view/dom.js'
import { HomeView } from '../view/home/home-view.js'
import { HomeJobs } from './home/home-jobs.js'
import { PageStore } from './page-store.js'
import { signIn } from './sign-in.js'

/** @typedef {import('../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../state/home-state.js').ListedMeeting} ListedMeeting */
/** @typedef {import('./page.js').PageShell} PageShell */

export class HomePage {
  #shell
  #view
  #store
  #jobs

  /** @param {PageShell} shell */
  constructor(shell) {
    this.#shell = shell
    this.#view = this.#newView()
    this.#store = new PageStore(openedHome(signedIn()), (state) => this.#view.render(state))
    this.#jobs = new HomeJobs({
      onChange: (jobs) => this.#store.set({ jobs }),
      onDone: (titles) => this.#recordingsDone(titles),
      onProblem: (notice) => this.#store.set({ notice }),
    })
  }

  #newView() {
    return new HomeView(this.#shell, {
      pathOf: meetingPath,
      handlers: {
        onRecord: (options) => this.#begin('microphone', () => Microphone.open(), options),
        onSample: (options) => this.#begin('sample', () => SampleRecording.open(), options, t('sample.title')),
        onFiles: (files, options) => this.#transcribe(files, options),
        onCancel: (row) => this.#jobs.cancel(row),
        onMore: () => this.#load(),
        onDelete: (meeting) => this.#delete(meeting),
        onSearch: (q) => this.#shell.go(search + addressQuery({ q, speaker: '', since: '', until: '' })),
        onSignOut: () => this.#signOut(),
        signIn,
      },
    })
  }

  mount() {
    this.#view.open(this.#store.state)
    this.#load()
    this.#jobs.open()
  }

  unmount() {
    this.#jobs.close()
    this.#store.close()
  }

  redraw() {
    const before = this.#view
    this.#view = this.#newView()
    this.#view.takeOver(before)
    this.#view.open(this.#store.state)
    this.#store.draw()
  }

  #signOut() {
    signOut()
    this.#shell.reload()
  }

  async #load() {
    this.#store.set({ loading: true })
    try {
      const page = await api.listMeetings(this.#store.state.next)
      this.#store.update((state) => listLoaded(state, page))
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.update((state) => listFailed(state, error.message))
    }
  }

  /**
   * @param {File[]} files
   * @param {import('../view/home/meeting-options.js').MeetingOptions} options
   */
  #transcribe(files, options) {
    const notice = options.check()
    this.#store.set({ notice })
    if (!notice) this.#jobs.send(files, options.asked)
  }

  /** @param {string[]} titles */
  async #recordingsDone(titles) {
    setText(this.#shell.announcer, titles.map((title) => t('jobs.done', { title })).join(' '))
    const page = await api.listMeetings().catch(() => null)
    if (page) this.#store.update((state) => newestLoaded(state, page))
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
    const problem = options.check()
    if (problem) {
      this.#store.set({ notice: problem })
      return
    }
    this.#store.set({ opening, notice: '' })
    /** @type {AudioInput | null} */
    let input = null
    try {
      input = await open()
      const meeting = await api.createMeeting({ title, ...options.asked })
      this.#shell.go(meetingPath(meeting.id), { input, links: meeting.links, title: meeting.title })
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      await input?.close()
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.set({ opening: null, notice: error.message })
    }
  }

  /** @param {ListedMeeting} meeting */
  async #delete({ id, title }) {
    const agreed = await confirm({
      title: t('delete.title'),
      text: t('delete.text', { title: title || t('meeting.untitled') }),
      no: t('delete.no'),
      yes: t('delete.yes'),
      danger: true,
    })
    if (!agreed) return
    try {
      await api.deleteMeeting(id)
      this.#store.update((state) => meetingDeleted(state, id))
    } catch (error) {
      this.#store.set({ notice: /** @type {Error} */ (error).message })
    }
  }
}
