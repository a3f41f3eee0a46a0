// One meeting's page: joins the connection, the recorder, the state and what is drawn of it.

import { Microphone } from '../audio/microphone.js'
import * as api from '../net/api.js'
import { Connection } from '../net/connection.js'
import { MeetingPoller } from '../net/meeting-poller.js'
import { forgetSource, rememberSource, rememberedSource } from '../net/resume-tokens.js'
import { home } from '../net/urls.js'
import * as change from '../state/page-state.js'
import { secondIn } from '../state/playback/playback.js'
import { t } from '../texts/texts.js'
import { MeetingView } from '../view/meeting/meeting-view.js'
import { attention } from './attention.js'
import { LeaveGuard } from './leave-guard.js'
import { MeetingActions } from './meeting-actions.js'
import { PageRecording } from './meeting/page-recording.js'
import { PageStore } from './page-store.js'
import { signIn } from './sign-in.js'

/** @typedef {import('../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../net/connection.js').Source} Source */
/** @typedef {import('../state/notices.js').NoticeAction} NoticeAction */
/** @typedef {import('../state/page-state.js').Facts} Facts */
/** @typedef {import('../state/page-state.js').PageState} PageState */
/** @typedef {import('../state/wire-messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./page.js').NewMeeting} NewMeeting */
/** @typedef {import('./page.js').PageShell} PageShell */

const TICK = 250 // milliseconds between two looks at the clock

export class MeetingPage {
  #id
  #input
  /** @type {PageStore<PageState>} */
  #store
  #newView
  /** @type {MeetingView} */
  #view
  #actions
  #recording
  #leaving
  #poller
  /** @type {Connection | null} */
  #connection = null
  /** @type {number | undefined} */
  #ticker

  /**
   * @param {PageShell} shell
   * @param {string} id of the meeting
   * @param {NewMeeting} opened from the page that made the meeting, with its microphone or sample already open
   */
  constructor(shell, id, { input, links = {}, title }) {
    this.#id = id
    this.#input = input
    const resumable = rememberedSource(id) !== null
    const second = secondIn(location.search)
    const state = change.openedPage({ title, recording: Boolean(input), resumable, second })
    this.#store = new PageStore(state, (shown) => this.#view.render(shown))
    this.#leaving = new LeaveGuard(this.#store, () => this.#stop())
    this.#actions = new MeetingActions(id, links, this.#store, (message) => this.#receive(message))
    this.#newView = () =>
      new MeetingView(shell, { home, downloads: this.#actions.downloads, handlers: this.#handlers() })
    this.#view = this.#newView()
    this.#recording = new PageRecording(this.#store, () => this.#stop())
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
      onRecord: () => this.#record(),
      onStop: () => this.#stop(),
      onEnd: () => this.#actions.end(),
      onMicrophone: (deviceId) => this.#recording.use(deviceId),
      onMute: () => this.#recording.mute(),
      onShare: () => this.#actions.share(),
      onTerms: () => this.#actions.expect(),
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
    if (this.#input) this.#begin(this.#input)
    const facts = this.#loadFacts()
    // What the socket tells is then no older than the facts, and what changes later can be told from them.
    if (!this.#input) this.#connect(null, facts)
    this.#store.draw()
  }

  unmount() {
    this.#store.close()
    this.#leaving.close()
    this.#actions.playback.close()
    clearInterval(this.#ticker)
    this.#view.close()
    this.#poller.close()
    this.#recording.release()
    this.#connection?.close()
  }

  redraw() {
    this.#view.close()
    this.#view = this.#newView()
    this.#view.open()
    this.#store.draw()
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
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    if (message.type === 'ack' || this.#store.closed) return
    const moment = { now: performance.now(), unsent: this.#connection?.unsent ?? 0 }
    const before = this.#store.state.transcript.phase
    this.#store.update((state) => change.received(state, message, moment))
    const { phase } = this.#store.state.transcript
    if (message.type === 'session') rememberSource(this.#id, message)
    if (before === 'open' && phase === 'live') this.#loadFacts() // there is a source now, and perhaps its audio
    if (before === 'ended' || phase !== 'ended') return
    this.#recording.release()
    forgetSource(this.#id)
    this.#poller.watch(before === 'connecting')
    this.#actions.notes.load()
  }

  /** @param {Connection} connection */
  #connectionChanged(connection) {
    if (this.#store.closed || connection !== this.#connection) return
    const { status, problem } = connection
    this.#store.update((state) => change.connectionChanged(state, status, problem))
    if (status.state === 'failed') this.#recording.release()
    if (problem?.close === 4401) forgetSource(this.#id)
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

  async #loadFacts() {
    try {
      const facts = await this.#poller.facts()
      if (facts) this.#store.update((state) => change.withFacts(state, facts))
    } catch (error) {
      this.#refused(/** @type {api.ApiError} */ (error).status)
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
    this.#store.update((state) => change.withFacts(state, facts))
    this.#actions.notes.load()
    this.#actions.statistics.renew()
    this.#connect()
  }

  /** @param {NoticeAction} action */
  #act(action) {
    if (action === 'record') this.#record()
    else if (action === 'read along') this.#connect()
    else this.#retry()
  }

  #retry() {
    const { role } = this.#store.state
    this.#store.update((state) => change.unsay(state, 'problem'))
    if (role === 'source') this.#record()
    else this.#connect()
  }

  // ---- recording

  async #record() {
    this.#store.update((state) => ({ ...change.unsay(state, 'problem'), opening: true }))
    try {
      const input = await Microphone.open()
      if (this.#store.closed) input.close()
      else this.#begin(input)
    } catch (error) {
      const { message: text } = /** @type {Error} */ (error)
      this.#store.update((state) => change.say(state, 'problem', { text, label: t('button.again'), action: 'record' }))
    }
    this.#store.set({ opening: false })
  }

  /** @param {AudioInput} input */
  #begin(input) {
    const start = {
      source: { name: input.name.slice(0, 200), kind: 'room' },
      audio: { encoding: 'pcm_s16le', sample_rate: input.sampleRate, channels: 1 },
      language: null,
      hotwords: [],
    }
    this.#connect({ start, resume: rememberedSource(this.#id) })
    const connection = this.#connection
    this.#recording.begin(input, (pcm, captureUs) => connection?.sendAudio(pcm, captureUs))
  }

  async #stop() {
    const { capturing, stopping } = this.#store.state.recording
    if (!capturing || stopping) return
    const connection = this.#connection
    await this.#recording.stop()
    connection?.stop()
    this.#tick()
  }
}
