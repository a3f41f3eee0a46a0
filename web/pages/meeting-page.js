// One meeting's page: joins the connection, the recorder, the state and what is drawn of it.

import * as api from '../net/api.js'
import { Connection } from '../net/connection.js'
import { MeetingPoller } from '../net/meeting-poller.js'
import { backoff } from '../net/reconnection.js'
import { rememberedSource } from '../net/resume-tokens.js'
import { home } from '../net/urls.js'
import * as change from '../state/page-state.js'
import { secondIn } from '../state/playback/playback.js'
import { followsLive } from '../state/selectors.js'
import { readsOn } from '../state/sources/own-sources.js'
import { MeetingView } from '../view/meeting/meeting-view.js'
import { attention } from './attention.js'
import { LeaveGuard } from './leave-guard.js'
import { MeetingActions } from './meeting-actions.js'
import { PageSound } from './meeting/page-sound.js'
import { PageSources } from './meeting/page-sources.js'
import { PageStore } from './page-store.js'
import { signIn } from './sign-in.js'

/** @typedef {import('../net/connection.js').Source} Source */
/** @typedef {import('../state/notices.js').NoticeAction} NoticeAction */
/** @typedef {import('../state/page-state.js').Facts} Facts */
/** @typedef {import('../state/page-state.js').PageState} PageState */
/** @typedef {import('../state/wire-messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./page.js').NewMeeting} NewMeeting */
/** @typedef {{ followed?: boolean }} HeldMeeting  followed: somebody read along what was said */
/** @typedef {import('./page.js').PageShell} PageShell */

const TICK = 250 // milliseconds between two looks at the clock

export class MeetingPage {
  #id
  #opened
  /** @type {PageStore<PageState>} */
  #store
  #newView
  /** @type {MeetingView} */
  #view
  #actions
  #sound
  #sources
  #leaving
  #poller
  /** @type {Connection | null} */
  #connection = null
  /** @type {number | undefined} */
  #ticker
  /** @type {number | undefined} until the facts are asked for once more */
  #factsTimer

  /**
   * @param {PageShell} shell
   * @param {string} id of the meeting
   * @param {NewMeeting} opened from the page that made the meeting, with its microphone or sample already open
   * @param {HeldMeeting | null} held of the page that is shown again
   */
  constructor(shell, id, opened, held) {
    const { input, links = {}, title } = opened
    this.#id = id
    this.#opened = opened
    const resumable = rememberedSource(id, 'microphone') !== null
    const second = secondIn(location.search)
    const again = held && (held.followed ? 'following' : 'reading')
    const state = change.openedPage({ title, recording: Boolean(input), resumable, second, again })
    this.#store = new PageStore(state, (shown) => this.#view.render(shown))
    this.#leaving = new LeaveGuard(this.#store, {
      stop: () => this.#sound.stopAll(),
      unsaved: () => this.#view.unsaved,
    })
    this.#actions = new MeetingActions(id, links, this.#store, (message) => this.#receive(message))
    this.#sound = new PageSound(id, this.#store, (source) => this.#connect(source))
    this.#sources = new PageSources(id, this.#store)
    this.#newView = () =>
      new MeetingView(shell, { home, downloads: this.#actions.downloads, handlers: this.#handlers() })
    this.#view = this.#newView()
    this.#poller = new MeetingPoller(id, {
      attention,
      onChange: (facts) => this.#changed(facts),
      onError: ({ status }) => this.#refused(status),
    })
  }

  /** @returns {import('../view/meeting/meeting-view.js').MeetingHandlers} */
  #handlers() {
    return {
      onRename: (title) => this.#actions.rename(title),
      ...this.#sound.handlers,
      ...this.#sources.handlers,
      onEnd: () => this.#actions.end(() => this.#sound.sendAll()),
      onShare: () => this.#actions.share(),
      onTerms: () => this.#actions.expect(),
      onAgain: () => this.#actions.again(),
      onNotes: () => this.#actions.notes.make(),
      onNotesDelete: () => this.#actions.notes.remove(),
      onFollowing: (following) => {
        if (following !== this.#store.state.following) this.#store.set({ following })
      },
      onNotice: (action) => this.#act(action),
      ...this.#actions.editHandlers,
      fileWays: () => this.#actions.fileWays,
      onStatistics: () => this.#actions.statistics.load(),
      player: this.#actions.playback.handlers,
      signIn,
    }
  }

  mount() {
    this.#view.open()
    this.#leaving.open()
    this.#actions.playback.open()
    this.#ticker = setInterval(() => this.#tick(), TICK)
    const { input, participant } = this.#opened
    if (input) this.#sound.begin(input, participant)
    const facts = this.#loadFacts()
    // What the socket tells is then no older than the facts, and what changes later can be told from them.
    if (!input) this.#connect(null, facts)
    this.#store.draw()
  }

  unmount() {
    this.#store.close()
    this.#leaving.close()
    this.#actions.playback.close()
    clearInterval(this.#ticker)
    clearTimeout(this.#factsTimer)
    this.#view.close()
    this.#poller.close()
    this.#sound.release()
    this.#connection?.close()
  }

  keep() {
    return this.#store.state.screen === 'meeting' ? { followed: this.leadsOn } : null
  }

  /** Who followed a meeting that goes on is led to what is new. */
  get leadsOn() {
    return followsLive(this.#store.state)
  }

  redraw() {
    const before = this.#view
    before.close()
    this.#view = this.#newView()
    this.#view.takeOver(before)
    this.#view.open()
    this.#store.draw()
  }

  /** Whether something would be lost with this page. */
  get holds() {
    return this.#leaving.holds
  }

  /** Asked before another page is shown. */
  mayLeave() {
    return this.#leaving.mayLeave()
  }

  // ---- connection

  /**
   * @param {Source | null} [source]
   * @param {Promise<void> | null} [after] is waited for; it may bring another token to light
   */
  #connect(source = null, after = null) {
    this.#connection?.close()
    const connection = new Connection({
      url: api.socketUrl(this.#id),
      source,
      onMessage: (message) => this.#receive(message),
      onChange: () => this.#connectionChanged(connection),
    })
    this.#connection = connection
    this.#store.update((state) => change.connecting(state, source ? 'source' : 'viewer'))
    const open = () => {
      if (this.#store.closed || connection !== this.#connection) return
      connection.protocols = api.protocols(this.#id)
      connection.open()
    }
    if (after) after.then(open)
    else open()
    return connection
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    if (message.type === 'ack' || this.#store.closed) return
    const moment = { now: performance.now(), unsent: this.#connection?.unsent ?? 0 }
    const { state } = this.#store
    const before = state.transcript.phase
    this.#store.update((shown) => change.received(shown, message, moment))
    const { phase } = this.#store.state.transcript
    this.#sound.follow(message, state)
    if (before === 'open' && phase === 'live') this.#loadFacts() // there is a source now, and perhaps its audio
    if (before === 'ended' || phase !== 'ended') return
    this.#sound.over()
    this.#poller.watch(before === 'connecting')
    this.#actions.notes.load()
  }

  /** @param {Connection} connection */
  #connectionChanged(connection) {
    if (this.#store.closed || connection !== this.#connection) return
    const { status, problem } = connection
    const before = this.#store.state
    this.#store.update((state) => change.connectionChanged(state, status, problem))
    if (status.state === 'failed') this.#sound.refused()
    if (problem?.close === 4401 || problem?.code === 'removed') this.#sound.forget()
    if (problem && readsOn(before, problem) !== null) {
      this.#connect()
      return
    }
    this.#tick()
    this.#leaveIfNothingToShow()
  }

  #tick() {
    const { status } = this.#connection ?? {}
    if (status) this.#store.update((state) => change.ticked(state, performance.now(), status))
  }

  #leaveIfNothingToShow() {
    if (this.#store.closed || this.#store.state.screen === 'meeting') return
    this.unmount()
    this.#view.render(this.#store.state)
  }

  /** @param {number} [failures] in a row before this attempt */
  async #loadFacts(failures = 0) {
    clearTimeout(this.#factsTimer)
    try {
      const facts = await this.#poller.facts()
      if (!facts) return
      // The lines of a meeting that is over may be older than facts that come late.
      if (failures && this.#store.state.transcript.phase === 'ended') this.#changed(facts)
      else this.#store.update((state) => change.withFacts(state, facts))
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      this.#refused(error.status)
      if (this.#store.closed || !error.passes) return
      this.#factsTimer = setTimeout(() => this.#loadFacts(failures + 1), backoff(failures + 1))
    }
  }

  /** @param {number} status of HTTP */
  #refused(status) {
    this.#store.update((state) => change.refused(state, status))
    this.#leaveIfNothingToShow()
  }

  /**
   * Somebody has changed a meeting that is over: its snapshot is read again, and only what differs is drawn.
   *
   * @param {Facts} facts
   */
  #changed(facts) {
    if (this.#store.closed) return
    clearTimeout(this.#factsTimer)
    this.#store.update((state) => change.withFacts(state, facts))
    this.#actions.notes.load()
    this.#actions.statistics.renew()
    this.#connect()
  }

  /** @param {NoticeAction} action */
  #act(action) {
    if (action === 'record') this.#sound.record(true)
    else if (action === 'share tab') this.#sound.shareTab()
    else if (action === 'read along') this.#connect()
    else this.#retry()
  }

  #retry() {
    const { role } = this.#store.state
    this.#store.update((state) => change.unsay(state, 'problem'))
    if (role === 'source') this.#sound.record(true)
    else this.#connect()
  }
}
