// One meeting's page: its sound if this page records, its transcript for everyone, and what is around them.

import * as api from './api.js'
import { Microphone, microphones } from './capture.js'
import { Dock } from './dock.js'
import { confirm, el, icon, setText } from './dom.js'
import { Follower } from './follow.js'
import { MeetingHead } from './head.js'
import { speakerName } from './format.js'
import { Link } from './link.js'
import { downloadMenu } from './menu.js'
import { EMPTY, blocks, reduce, resolve, voices } from './transcript.js'
import { TranscriptView } from './view.js'
import { connectionText, emptyText, lagText, problemText } from './words.js'

const SPOKEN = 6 // lines kept in the live region
const SILENT = 8 // seconds without any sound after which we say so

export class MeetingPage {
  #place
  #id
  #state = EMPTY
  #shown = []
  #link = null
  #input = null // Microphone or SampleRecording while this page records
  #samples = 0 // captured so far
  #base = 0 // seconds of audio that the meeting had before
  #measured = null // seconds from word to text
  #quiet = 0 // seconds without sound
  #stopping = false
  #received = 0 // performance.now() of the last snapshot
  #frame = null
  #ticker = null
  #wake = null
  #gone = false

  constructor(place, id, { input = null, links = null, title = '' } = {}) {
    this.#place = place
    this.#id = id
    this.#input = input
    this.#state = { ...EMPTY, title, phase: input ? 'open' : 'connecting' }
    this.viewLink = new URL(links?.view ?? `/m/${encodeURIComponent(id)}`, location.href).href
    this.head = new MeetingHead({ onRename: (name) => this.#rename(name) })
    this.head.title(title)
    this.dock = new Dock({
      onStop: () => this.#stop(),
      onMicrophone: (device) => this.#switch(device),
      onMute: () => this.#mute(),
    })
    this.turns = el('div', { class: 'turns' })
    this.empty = el('div', { class: 'waiting', 'data-testid': 'waiting' }, el('div', { class: 'waiting-lines', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), el('h2'), el('p'))
    this.notices = el('div', { class: 'notices', role: 'alert', 'data-testid': 'notices' })
    this.jump = el('button', { class: 'button jump', type: 'button', hidden: true, 'data-testid': 'jump-newest' }, icon('down'), el('span', {}, 'Jump to newest'))
    this.view = new TranscriptView(this.turns)
  }

  mount() {
    const { main, actions } = this.#place
    this.follower = new Follower((following) => (this.jump.hidden = following))
    this.follower.following = false
    this.jump.addEventListener('click', () => this.follower.jump())
    this.copy = el('button', { class: 'button', type: 'button', 'data-testid': 'copy-link' }, icon('link'), el('span', {}, 'Copy link'))
    this.copy.addEventListener('click', () => this.#copyLink())
    this.start = el('button', { class: 'button primary', type: 'button', hidden: true, 'data-testid': 'start' }, icon('mic'), el('span', {}, 'Start with my microphone'))
    this.start.addEventListener('click', () => this.#record())
    this.empty.append(this.start)
    actions.append(this.copy)
    main.append(
      el(
        'div',
        { class: 'meeting', 'data-testid': 'meeting' },
        this.head.node,
        this.notices,
        el('section', { class: 'transcript', 'aria-label': 'Transcript', 'data-testid': 'transcript' }, this.turns),
        this.empty,
        el('div', { class: 'dock-holder' }, this.jump, this.dock.node),
      ),
    )
    window.addEventListener('beforeunload', this.#warn)
    navigator.mediaDevices?.addEventListener?.('devicechange', this.#listMicrophones)
    this.#ticker = setInterval(() => this.#tick(), 250)
    this.#loadFacts()
    if (this.#input) this.#begin(this.#input)
    else this.#watch()
    this.#draw()
  }

  unmount() {
    this.#gone = true
    window.removeEventListener('beforeunload', this.#warn)
    navigator.mediaDevices?.removeEventListener?.('devicechange', this.#listMicrophones)
    clearInterval(this.#ticker)
    cancelAnimationFrame(this.#frame)
    this.follower.close()
    this.#link?.close()
    this.#release()
    this.#place.announcer.replaceChildren()
  }

  // Asked before another page is shown.
  async mayLeave() {
    if (!this.#recording) return true
    const leave = await confirm({
      title: 'Stop this meeting?',
      text: 'This page is recording. Stopping saves everything said so far and ends the meeting for everyone.',
      no: 'Keep recording',
      yes: 'Stop and leave',
    })
    if (!leave) return false
    await this.#stop()
    await this.#settled()
    return true
  }

  get #recording() {
    return Boolean(this.#link?.source) && this.#state.phase !== 'ended' && this.#link.state !== 'failed'
  }

  get #role() {
    return this.#link?.source ? 'source' : 'viewer'
  }

  #settled() {
    return new Promise((resolve) => {
      const began = performance.now()
      const look = setInterval(() => {
        if (this.#recording && performance.now() - began < 15_000) return
        clearInterval(look)
        resolve()
      }, 100)
    })
  }

  // ---- connection

  #watch() {
    this.#connect(null)
  }

  #connect(source) {
    this.#link?.close()
    this.#link = new Link({
      url: api.socketUrl(this.#id),
      source,
      onMessage: (message) => this.#message(message),
      onChange: (link) => this.#linkChanged(link),
    })
    this.#link.open()
  }

  #message(message) {
    if (message.type === 'ack') return
    const before = this.#state
    this.#state = reduce(before, message)
    if (message.type === 'snapshot') this.#snapshot(before)
    if (message.type === 'segment') this.#heard(message, before.segments.get(message.id))
    if (message.type === 'session') this.#remember(message)
    if (message.type === 'error' && !message.fatal) this.#notice(`error ${message.code}`, message.message)
    if (message.type === 'ended' || this.#state.phase === 'ended') this.#ended(before)
    if (this.#state !== before) this.#draw()
  }

  #snapshot(before) {
    this.#received = performance.now()
    if (this.#samples === 0 || before.phase === 'connecting') this.#base = this.#state.audio
    if (before.phase === 'connecting') this.follower.following = this.#state.phase !== 'ended'
  }

  #heard(segment, before) {
    if (segment.final && !before?.final && segment.text) this.#announce(segment)
    const words = segment.words ?? []
    if (!this.#input || segment.final || !words.length || segment.text === before?.text) return
    const lag = Math.max(0, this.#captured - words[words.length - 1].end)
    this.#measured = this.#measured === null ? lag : this.#measured * 0.7 + lag * 0.3
  }

  #announce({ speaker, text }) {
    const { announcer } = this.#place
    const who = speakerName(resolve(speaker, this.#state.speakers), this.#state.speakers)
    announcer.append(el('p', {}, `${who === 'Speaker ?' ? 'Unknown speaker' : who}: ${text}`))
    while (announcer.children.length > SPOKEN) announcer.firstElementChild.remove()
  }

  #linkChanged(link) {
    if (this.#gone || (this.#link && link !== this.#link)) return
    if (link.state === 'live') this.#clear('problem')
    if (link.state === 'failed') this.#failed(link.problem)
    this.#tick()
    this.#draw()
  }

  #failed(problem) {
    this.#release()
    this.dock.source(null)
    const { text, retry } = problemText(problem)
    if (problem.close === 4404) {
      this.#lost(text)
      return
    }
    const again = retry === 'viewer' ? ['Read along', () => this.#watch()] : ['Try again', () => this.#record()]
    this.#notice('problem', text, ...(retry ? again : []))
  }

  #lost(text) {
    clearInterval(this.#ticker)
    this.#place.actions.replaceChildren()
    this.#place.main.replaceChildren(
      el('div', { class: 'lonely', 'data-testid': 'lonely' }, el('h1', {}, 'No such meeting'), el('p', {}, text), el('a', { class: 'button primary', href: '/' }, 'To all meetings')),
    )
    document.title = 'No such meeting'
  }

  // ---- recording

  async #record() {
    this.#clear('problem')
    this.#clear('sound')
    this.start.disabled = true
    try {
      this.#begin(await Microphone.open())
    } catch (error) {
      this.#notice('problem', error.message, 'Try again', () => this.#record())
    }
    this.start.disabled = false
  }

  #begin(input) {
    this.#input = input
    this.#samples = 0
    this.#stopping = false
    input.onProblem = (error) => this.#notice('sound', error.message)
    input.onFrame = (frame) => this.#captureFrame(frame)
    if (input.kind === 'sample') input.onEnd = () => this.#stop()
    this.#connect({
      start: {
        source: { name: input.name.slice(0, 200), kind: 'room' },
        audio: { encoding: 'pcm_s16le', sample_rate: input.sampleRate, channels: 1 },
        language: null,
        hotwords: [],
      },
      resume: remembered(this.#id),
    })
    input.start()
    this.follower.following = true
    this.dock.source(input.kind)
    if (input.kind === 'sample') this.dock.muted(input.muted)
    else this.#listMicrophones()
    this.#stayAwake()
  }

  #captureFrame({ pcm, samples, captureUs, level, peak }) {
    if (!this.#link) return
    this.#samples += samples
    this.#link.sendAudio(pcm, captureUs)
    this.dock.level(level)
    this.#quiet = peak > 0.0008 ? 0 : this.#quiet + samples / this.#input.sampleRate
    if (this.#quiet === 0) this.#clear('quiet')
    else if (this.#quiet > SILENT) this.#notice('quiet', 'No sound is coming from this microphone. Is it muted? You can choose another one below.')
  }

  get #captured() {
    return this.#base + (this.#input ? this.#samples / this.#input.sampleRate : 0)
  }

  #listMicrophones = async () => {
    if (this.#input?.kind !== 'microphone') return
    this.dock.microphones(await microphones(), this.#input.deviceId)
  }

  async #switch(device) {
    try {
      await this.#input.use(device)
      this.#clear('sound')
    } catch (error) {
      this.#notice('sound', error.message)
    }
    this.#listMicrophones()
  }

  #mute() {
    this.#input.muted = !this.#input.muted
    this.dock.muted(this.#input.muted)
  }

  async #stop() {
    if (this.#stopping || !this.#input) return
    this.#stopping = true
    this.#base = this.#captured
    this.dock.stopping()
    const input = this.#input
    await input.close() // its last frame still arrives through onFrame
    this.#base = Math.max(this.#base, this.#captured)
    this.#input = null
    this.#link.stop()
    this.#tick()
  }

  #release() {
    this.#base = this.#captured
    this.#input?.close()
    this.#input = null
    this.#wake?.release().catch(() => {})
    this.#wake = null
  }

  #ended(before) {
    if (before.phase === 'ended') return
    const unsent = this.#link?.unsent ?? 0
    if (this.#input) {
      this.#notice('problem', unsent > 1 ? `The meeting was ended while you were away; the last ${Math.round(unsent)} s of your audio are not in it.` : 'The meeting was ended from another place.')
    }
    this.#release()
    this.dock.source(null)
    sessionStorage.removeItem(memory(this.#id))
    this.#clear('quiet')
    this.#showExport()
    this.#loadFacts()
  }

  async #stayAwake() {
    this.#wake = await navigator.wakeLock?.request('screen').catch(() => null)
  }

  // A reload of this tab goes on with the same source.
  #remember({ source_id, resume_token: token }) {
    sessionStorage.setItem(memory(this.#id), JSON.stringify({ source_id, token }))
  }

  #warn = (event) => {
    if (!this.#recording) return
    event.preventDefault()
    event.returnValue = '' // what older browsers look at
  }

  // ---- what is around the transcript

  async #loadFacts() {
    try {
      const facts = await api.getMeeting(this.#id)
      if (this.#gone) return
      this.head.facts(facts)
      if (facts.duration) this.#base = Math.max(this.#base, this.#input ? 0 : facts.duration)
      this.#tick()
    } catch {
      // the socket says it better
    }
  }

  async #rename(name) {
    try {
      await api.renameMeeting(this.#id, name)
      this.#state = { ...this.#state, title: name }
      this.#clear('title')
    } catch (error) {
      this.#notice('title', `The title was not saved. ${error.message}`)
    }
    this.#draw()
  }

  async #copyLink() {
    const label = this.copy.querySelector('span')
    try {
      await navigator.clipboard.writeText(this.viewLink)
      setText(label, 'Copied')
      setTimeout(() => setText(label, 'Copy link'), 2000)
    } catch {
      this.#notice('link', `Copy this link for your readers: ${this.viewLink}`)
    }
  }

  #showExport() {
    if (this.exporter) return
    const items = api.FORMATS.map(([format, label, hint]) => ({ href: api.exportUrl(this.#id, format), label, hint, testid: `export-${format}` }))
    this.exporter = downloadMenu('Export', items, 'export')
    this.#place.actions.append(this.exporter)
  }

  #notice(key, text, action, act) {
    const known = this.notices.querySelector(`[data-key="${key}"]`)
    if (known?.firstElementChild.textContent === text) return
    const notice = el('div', { class: 'notice', 'data-key': key }, el('p', {}, text))
    if (action) notice.append(el('button', { class: 'button', type: 'button', onclick: act }, action))
    if (known) known.replaceWith(notice)
    else this.notices.append(notice)
  }

  #clear(key) {
    this.notices.querySelector(`[data-key="${key}"]`)?.remove()
  }

  // ---- drawing

  // Several messages in one frame are drawn once.
  #draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null
      if (!this.#gone) this.#paint()
    })
  }

  #paint() {
    const state = this.#state
    this.#shown = blocks(state, this.#shown)
    this.view.render(this.#shown, state.speakers)
    this.head.show(state, voices(this.#shown))
    const empty = this.#shown.length === 0
    this.empty.hidden = !empty
    const [title, text] = emptyText(this.#role, state.phase)
    setText(this.empty.querySelector('h2'), title)
    setText(this.empty.querySelector('p'), text)
    this.#offerStart(empty)
    this.dock.node.hidden = state.phase === 'ended'
    document.title = `${state.title || 'Untitled meeting'} · Meeting transcriber`
    this.follower.follow()
  }

  #offerStart(empty) {
    const mine = remembered(this.#id) !== null
    const possible = this.#role === 'viewer' && this.#link.state === 'live'
    this.start.hidden = !possible || !(this.#state.phase === 'open' || (this.#state.phase === 'live' && mine))
    setText(this.start.querySelector('span'), mine ? 'Go on recording' : 'Start with my microphone')
    if (empty) this.empty.append(this.start)
    else this.notices.after(this.start)
  }

  #tick() {
    const { phase, stats } = this.#state
    const link = this.#link
    const running = !this.#input && this.#role === 'viewer' && phase === 'live' && link.state === 'live'
    this.dock.elapsed(running ? this.#state.audio + (performance.now() - this.#received) / 1000 : this.#captured)
    this.dock.connection(
      ...connectionText({ link: link?.state, role: this.#role, phase, attempt: link?.attempt, unsent: link?.unsent, stopping: this.#stopping }),
    )
    this.dock.lag(...(phase === 'live' || this.#input ? lagText(stats, this.#measured) : ['', '']))
    if (link?.outbox?.lost > 0) {
      this.#notice('sound', `The connection has been away for too long: ${Math.round(link.outbox.lost)} s of audio could not be kept.`)
    }
  }
}

const memory = (id) => `source of ${id}`

function remembered(id) {
  try {
    return JSON.parse(sessionStorage.getItem(memory(id)))
  } catch {
    return null
  }
}
