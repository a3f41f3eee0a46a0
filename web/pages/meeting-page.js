// One meeting's page: joins the socket, the recorder, the transcript and what is around it.

import { Microphone } from '../audio/microphone.js'
import * as api from '../net/api.js'
import { Connection } from '../net/connection.js'
import { MeetingPoller } from '../net/meeting-poller.js'
import { linkToken, tokenFor } from '../net/tokens.js'
import { absoluteUrl, home, meetingPath } from '../net/urls.js'
import { clock, speakerName } from '../state/format.js'
import { busyText, connectionText, emptyText, lagText, problemText, warningText } from '../state/messages.js'
import { EMPTY, blocks, reduce, resolve, voices } from '../state/transcript.js'
import { confirm } from '../view/confirm-dialog.js'
import { el, icon, setText } from '../view/dom.js'
import { downloadMenu } from '../view/download-menu.js'
import { MeetingHeader } from '../view/meeting-header.js'
import { Notices } from '../view/notices.js'
import { RecordingBar } from '../view/recording-bar.js'
import { ScrollFollower } from '../view/scroll-follower.js'
import { openShareDialog } from '../view/share-dialog.js'
import { signInPage } from '../view/sign-in.js'
import { openSpeakerDialog } from '../view/speaker-dialog.js'
import { TranscriptView } from '../view/transcript-view.js'
import { Recorder } from './recorder.js'

const SPOKEN = 6 // lines kept for screen readers
const RANKS = { view: 1, speak: 2, host: 3, server: 4 } // what a token allows
const PORTION = 240 // lines of a long meeting that are drawn at once, to begin with
const SWIFT = 16 // milliseconds up to which drawing them counts as quick: more are drawn in the next frame
const SLOW = 40 // and from which on fewer are
const FINISHING = 15_000 // milliseconds that leaving waits for the server to store everything

export class MeetingPage {
  #place
  #id
  #intent
  #state = EMPTY
  #painted = EMPTY
  #shown = []
  #top = 0 // lines drawn from the beginning on
  #bottom = PORTION // lines drawn up to the end
  #pace = PORTION // lines drawn in the next frame
  #connection = null
  #measured = null // seconds from a word to its text, as seen here
  #received = 0 // performance.now() of the last snapshot
  #frame = null
  #ticker = null
  #gone = false
  #ending = false // whether the end was asked for here
  #rank = RANKS.server // until the server says less
  #sharing = false // whether links are made here, each with a token of its own

  // intent: {input, links, title} from the page that made the meeting, with its microphone or sample already open.
  constructor(place, id, intent) {
    this.#place = place
    this.#id = id
    this.#intent = intent
    this.notices = new Notices()
    this.header = new MeetingHeader({ onRename: (name) => this.#rename(name) })
    this.recordingBar = new RecordingBar({
      onStop: () => this.#stop(),
      onEnd: () => this.#endForAll(),
      onMicrophone: (device) => this.recorder.use(device),
      onMute: () => this.recorder.mute(),
    })
    this.recorder = new Recorder(this)
    this.poller = new MeetingPoller(id, { onChange: (facts) => this.#changed(facts), onError: (error) => this.#refused(error) })
    this.turns = el('div', { class: 'turns' })
    this.view = new TranscriptView(this.turns)
    this.earlier = el('p', { class: 'earlier', hidden: true, 'data-testid': 'earlier' })
    this.end = el('p', { class: 'end', hidden: true, 'data-testid': 'end' }, icon('check'), el('span'))
    this.empty = el(
      'div',
      { class: 'waiting', 'data-testid': 'waiting' },
      el('div', { class: 'waiting-lines', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')),
      el('h2'),
      el('p'),
    )
    this.start = button('start', 'mic', 'Start with my microphone', () => this.#record(), 'primary')
    this.jump = button('jump-newest', 'down', 'Jump to newest', () => this.follower.jump(), 'jump')
    this.copy = button('copy-link', 'link', 'Copy link', () => this.#copyLink())
    this.start.hidden = this.jump.hidden = true
  }

  mount() {
    const { input, title } = this.#intent
    this.follower = new ScrollFollower(() => this.#showJump())
    this.#place.actions.append(this.copy)
    this.#place.main.append(
      el(
        'div',
        { class: 'meeting', 'data-testid': 'meeting' },
        this.header.node,
        this.notices.node,
        el('section', { class: 'transcript', 'aria-label': 'Transcript', 'data-testid': 'transcript' }, this.earlier, this.turns, this.end),
        this.empty,
        el('div', { class: 'recording-holder' }, this.jump, this.recordingBar.node),
      ),
    )
    window.addEventListener('beforeunload', this.#warn)
    this.#ticker = setInterval(() => this.#tick(), 250)
    this.#state = { ...EMPTY, title: title ?? '', phase: input ? 'open' : 'connecting' }
    this.follower.following = Boolean(input)
    if (input) this.#begin(input)
    const facts = this.#loadFacts()
    // What the socket tells is then no older than the facts, and what changes later can be told from them.
    if (!input) this.#connect(null, facts)
    this.#draw()
  }

  unmount() {
    this.#gone = true
    window.removeEventListener('beforeunload', this.#warn)
    clearInterval(this.#ticker)
    cancelAnimationFrame(this.#frame)
    this.follower.close()
    this.poller.close()
    this.recorder.release()
    this.#connection?.close()
    this.#place.announcer.replaceChildren()
  }

  // Asked before another page is shown.
  async mayLeave() {
    if (!this.#recording) return true
    if (!this.recorder.stopping) {
      const leave = await confirm({
        title: 'Stop this meeting?',
        text: 'This page is recording. Stopping saves everything said so far and ends the meeting for everyone.',
        no: 'Keep recording',
        yes: 'Stop and leave',
      })
      if (!leave) return false
      await this.#stop()
    }
    const patience = performance.now() + FINISHING
    while (this.#recording && performance.now() < patience) await new Promise((wake) => setTimeout(wake, 50))
    return true
  }

  // True until the server has stored everything that was said here.
  get #recording() {
    return this.#role === 'source' && this.#connection.state !== 'failed' && this.#state.phase !== 'ended'
  }

  get #role() {
    return this.#connection?.source ? 'source' : 'viewer'
  }

  #warn = (event) => {
    if (!this.#recording) return
    event.preventDefault()
    event.returnValue = '' // what older browsers look at
  }

  // ---- connection

  // after: a promise that is waited for; it may bring another token to light.
  #connect(source = null, after = null) {
    this.#connection?.close()
    const connection = new Connection({
      url: api.socketUrl(this.#id),
      source,
      onMessage: (message) => this.#message(message),
      onChange: (connection) => this.#connectionChanged(connection),
    })
    this.#connection = connection
    const open = () => {
      connection.protocols = api.protocols(this.#id)
      connection.open()
    }
    if (after) after.then(() => this.#gone || connection !== this.#connection || open())
    else open()
  }

  #message(message) {
    if (message.type === 'ack') return
    const before = this.#state
    this.#state = reduce(before, message)
    if (message.type === 'snapshot') this.#snapshot(before)
    if (message.type === 'segment') this.#heard(message, before.segments.get(message.id))
    if (message.type === 'session') this.#begun(message)
    if (message.type === 'error' && !message.fatal) this.notices.say(...warningText(message))
    if (this.#state.phase === 'ended' && before.phase !== 'ended') this.#ended(before)
    if (this.#state !== before) this.#draw()
  }

  #begun(session) {
    remember(this.#id, session)
  }

  #snapshot(before) {
    this.notices.clear('loading')
    this.#received = performance.now()
    if (!this.recorder.input) this.recorder.base = this.#state.audio
    if (before.phase === 'connecting') this.follower.following = this.#state.phase !== 'ended'
  }

  #heard(segment, before) {
    if (segment.final && !before?.final && segment.text) this.#announce(segment)
    const last = segment.words?.at(-1)
    if (segment.final || !last || segment.text === before?.text) return
    const lag = Math.max(0, this.#elapsed - last.end)
    this.#measured = this.#measured === null ? lag : this.#measured * 0.7 + lag * 0.3
  }

  // Seconds since the meeting began: what was captured here, or what the server had when this page came, and the time since.
  get #elapsed() {
    const { phase, audio } = this.#state
    const running = this.#role === 'viewer' && phase === 'live' && this.#connection.state === 'live'
    return running ? audio + (performance.now() - this.#received) / 1000 : this.recorder.captured
  }

  #announce({ speaker, text }) {
    const { announcer } = this.#place
    const id = resolve(speaker, this.#state.speakers)
    const name = id === null ? 'Unknown speaker' : speakerName(id, this.#state.speakers)
    announcer.append(el('p', {}, `${name}: ${text}`))
    while (announcer.children.length > SPOKEN) announcer.firstElementChild.remove()
  }

  #connectionChanged(connection) {
    if (this.#gone || connection !== this.#connection) return
    if (connection.state === 'live') this.notices.clear('problem')
    if (connection.state === 'failed') this.#failed(connection.problem)
    if (this.#gone) return
    this.#tick()
    this.#draw()
  }

  #failed(problem) {
    this.recorder.release()
    this.recordingBar.source(null)
    if (problem.close === 4401) forget(this.#id)
    const { text, retry } = problemText(problem, this.#role)
    if (problem.close === 4404) this.#lost(text)
    else if (problem.close === 4401 && this.#role === 'viewer') this.#locked()
    else if (retry === 'viewer') this.notices.say('problem', text, 'Read along', () => this.#connect())
    else if (retry === 'source') this.notices.say('problem', text, 'Try again', () => this.#retry())
    else this.notices.say('problem', text)
  }

  #retry() {
    const wasSource = this.#role === 'source'
    this.notices.clear('problem')
    if (wasSource) this.#record()
    else this.#connect()
  }

  // There is nothing to show here, now or later.
  #lost(text) {
    this.#leave('No such meeting')
    this.#place.main.replaceChildren(
      el(
        'div',
        { class: 'only-message', 'data-testid': 'only-message' },
        el('h1', {}, 'No such meeting'),
        el('p', {}, text),
        el('a', { class: 'button primary', href: home }, 'To all meetings'),
      ),
    )
  }

  // There may be something here, but not with what this tab holds.
  #locked() {
    this.#leave('A link is needed')
    const text = 'This meeting opens with a link only, and what brought you here does not open it: it may have been revoked or have expired. Ask the host for a new link. Whoever runs this server can sign in with its token.'
    this.#place.main.replaceChildren(signInPage({ title: 'A link is needed', text, onDone: () => this.#place.again() }))
  }

  #leave(title) {
    this.unmount()
    document.title = title
    this.#place.actions.replaceChildren()
  }

  // ---- recording

  async #record() {
    this.notices.clear('problem')
    this.start.disabled = true
    try {
      this.#begin(await Microphone.open())
    } catch (error) {
      this.notices.say('problem', error.message, 'Try again', () => this.#record())
    }
    this.start.disabled = false
  }

  #begin(input) {
    const start = {
      source: { name: input.name.slice(0, 200), kind: 'room' },
      audio: { encoding: 'pcm_s16le', sample_rate: input.sampleRate, channels: 1 },
      language: null,
      hotwords: [],
    }
    this.#connect({ start, resume: remembered(this.#id) })
    const connection = this.#connection
    this.recorder.begin(input, (pcm, captureUs) => connection.sendAudio(pcm, captureUs), () => this.#stop())
    this.follower.jump()
  }

  async #stop() {
    if (!this.recorder.input || this.recorder.stopping) return
    const connection = this.#connection
    await this.recorder.stop()
    connection.stop()
    this.#tick()
  }

  // A host ends a meeting whose sound comes from elsewhere, or from nowhere any more.
  async #endForAll() {
    const end = await confirm({
      title: 'End this meeting?',
      text: 'Whoever is recording is stopped, and the meeting ends for everyone. All that was heard until now is kept and finished.',
      no: 'Keep it going',
      yes: 'End meeting',
      danger: true,
    })
    if (!end || this.#gone) return
    this.#ending = true
    this.#draw()
    try {
      await api.endMeeting(this.#id)
      this.notices.clear('ending')
    } catch (error) {
      this.#ending = false
      this.notices.say('ending', `The meeting was not ended. ${error.message}`)
    }
    this.#draw()
  }

  get #endable() {
    const { phase } = this.#state
    if (this.#role === 'source' || this.#rank < RANKS.host || !['live', 'ending'].includes(phase)) return null
    return this.#ending || phase === 'ending' ? 'ending' : 'offered'
  }

  #ended(before) {
    const interrupted = this.recorder.input !== null && !this.recorder.stopping
    const unsent = Math.round(this.#connection.unsent)
    this.recorder.release()
    this.recordingBar.source(null)
    forget(this.#id)
    this.#showExport()
    this.poller.watch(before.phase === 'connecting')
    if (!interrupted) return
    const missing = unsent > 1 ? ` The last ${unsent} s of your audio did not reach it.` : ''
    this.notices.say('problem', `This meeting was ended, by its host or by the server. What was heard until then is kept.${missing}`)
  }

  // ---- around the transcript

  async #loadFacts() {
    try {
      this.#tell(await this.poller.facts())
    } catch (error) {
      this.#refused(error)
    }
  }

  #tell(facts) {
    if (this.#gone) return
    this.header.facts(facts)
    this.#allow(facts)
    if (!this.recorder.input) this.recorder.base = Math.max(this.recorder.base, facts.duration ?? 0)
    this.#draw()
  }

  #refused({ status }) {
    if (status === 404 && !this.#gone) this.#lost(problemText({ close: 4404 }).text)
    if (status === 401 && !this.#gone) this.#locked()
  }

  // Somebody has changed a meeting that is over: its snapshot is read again, and only what differs is drawn.
  #changed(facts) {
    if (this.#gone) return
    this.#tell(facts)
    this.#connect()
  }

  // What may be done here is for the server to say; the page only does not offer what would be refused.
  #allow({ role = 'server', tokens = false }) {
    this.#rank = RANKS[role]
    this.header.editable(this.#rank >= RANKS.host)
    this.view.editable(this.#rank >= RANKS.host ? (block, anchor) => this.#names(block, anchor) : null)
    if (!tokens) return
    this.#sharing = this.#rank >= RANKS.host
    setText(this.copy.querySelector('span'), this.#sharing ? 'Share' : 'Copy link')
    this.copy.hidden = role === 'speak' // who was asked to speak need not ask others to
  }

  async #rename(title) {
    try {
      await api.renameMeeting(this.#id, title)
      this.#state = { ...this.#state, title }
      this.notices.clear('title')
    } catch (error) {
      this.notices.say('title', `The title was not saved. ${error.message}`)
    }
    this.#draw()
  }

  #names(block, anchor) {
    const onMessage = (message) => this.#gone || this.#message(message)
    openSpeakerDialog({ meeting: this.#id, block, anchor, state: () => this.#state, onMessage })
  }

  async #copyLink() {
    if (this.#sharing) return openShareDialog(this.#id, this.#intent.links)
    const label = this.copy.querySelector('span')
    const own = linkToken(this.#id)
    const path = this.#intent.links?.view ?? `${meetingPath(this.#id)}${own ? `#t=${own}` : ''}`
    const link = absoluteUrl(path)
    try {
      await navigator.clipboard.writeText(link)
      setText(label, 'Copied')
      setTimeout(() => setText(label, 'Copy link'), 2000)
    } catch {
      this.notices.say('link', `Copy this link for your readers: ${link}`)
    }
  }

  #showExport() {
    const items = api.FORMATS.map(([format, label, hint]) => ({
      href: api.exportUrl(this.#id, format),
      label,
      hint,
      testid: `export-${format}`,
    }))
    const save = tokenFor(this.#id) ? (path) => this.#download(path) : null
    this.#place.actions.append(downloadMenu('Export', items, 'export', save))
  }

  async #download(path) {
    try {
      await api.download(path, this.#id)
      this.notices.clear('export')
    } catch (error) {
      this.notices.say('export', `The file was not saved. ${error.message}`)
    }
  }

  #showJump() {
    this.jump.hidden = this.follower.following || this.#state.phase === 'ended'
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
    if (!sameLines(state, this.#painted)) this.#shown = blocks(state, this.#shown)
    this.#painted = state
    const drawn = this.#portion()
    const whole = drawn === this.#shown
    const began = performance.now()
    this.follower.hold(this.turns, () => {
      this.view.render(drawn, state.speakers)
      this.earlier.hidden = whole && state.left === 0
      setText(this.earlier, 'Earlier lines are on their way…')
    })
    const live = this.#role === 'source' && this.#connection.state === 'live' && state.phase === 'open'
    this.header.show(live ? { ...state, phase: 'live' } : state, voices(this.#shown))
    document.title = `${state.title || 'Untitled meeting'} · Meeting transcriber`
    this.#paintEmpty()
    const ended = state.phase === 'ended'
    this.recordingBar.node.hidden = ended
    this.recordingBar.endable(this.#endable)
    this.end.hidden = !ended || this.#shown.length === 0
    if (ended) setText(this.end.querySelector('span'), `End of the meeting at ${clock(this.recorder.base)}. Everything is saved.`)
    this.#showJump()
    if (!ended) this.follower.follow()
    if (!whole && this.#widen(performance.now() - began)) this.#draw()
    // What is said from now on is drawn at once.
    if (whole) this.#bottom = state.left || !this.#shown.length ? count(this.#shown) + PORTION : Infinity
  }

  // Of a long meeting some lines at the end, and some at the beginning: more with every frame, until these are all.
  #portion() {
    const shown = this.#shown
    let [first, last, left] = [0, shown.length, this.#top]
    while (first < last && left > 0) left -= lines(shown[first++])
    left = this.#bottom
    while (last > first && left > 0) left -= lines(shown[--last])
    return last > first ? [...shown.slice(0, first), ...shown.slice(last)] : shown
  }

  // Draw more in the next frame, as many as this one `took` milliseconds allow; false while it is better to wait for what is still on its way.
  #widen(took) {
    const beginning = this.#state.phase === 'ended' && document.scrollingElement.scrollTop <= 0
    if (beginning && this.#state.left) return false // whoever opens a meeting that is over reads it from its beginning
    const faster = took < SWIFT ? 1.5 : took > SLOW ? 0.6 : 1
    this.#pace = Math.round(Math.min(4 * PORTION, Math.max(PORTION / 2, this.#pace * faster)))
    if (beginning) this.#top += this.#pace
    else this.#bottom += this.#pace
    return true
  }

  #paintEmpty() {
    const { phase } = this.#state
    const empty = this.#shown.length === 0
    const mine = remembered(this.#id) !== null
    const possible = this.#role === 'viewer' && this.#connection.state === 'live'
    this.start.hidden = !possible || this.#rank < RANKS.speak || !(phase === 'open' || (phase === 'live' && mine))
    setText(this.start.querySelector('span'), mine ? 'Go on recording' : 'Start with my microphone')
    if (empty !== (this.start.parentElement === this.empty)) {
      if (empty) this.empty.append(this.start)
      else this.notices.node.after(this.start)
    }
    const [title, text] = emptyText(this.#role, phase)
    this.empty.hidden = !empty
    this.empty.toggleAttribute('data-still', phase === 'ended')
    setText(this.empty.querySelector('h2'), title)
    setText(this.empty.querySelector('p'), text)
  }

  #tick() {
    const { phase, stats } = this.#state
    const { recorder } = this
    const { state: connection, attempt, unsent, outbox } = this.#connection
    this.recordingBar.elapsed(this.#elapsed)
    this.recordingBar.connection(...connectionText({ connection, role: this.#role, phase, attempt, unsent, stopping: recorder.stopping }))
    this.recordingBar.lag(...(phase === 'live' || recorder.input ? lagText(stats, this.#measured) : ['', '']))
    const busy = phase === 'live' ? busyText(stats) : ''
    if (busy) this.notices.say('busy', busy)
    else this.notices.clear('busy')
    if (outbox?.lost > 0) {
      this.notices.say('lost', `The connection was away for too long: ${Math.round(outbox.lost)} s of audio could not be kept.`)
    }
  }
}

const lines = (block) => block.segments?.length ?? 1
const count = (shown) => shown.reduce((sum, block) => sum + lines(block), 0)
const sameLines = (a, b) => ['segments', 'stale', 'speakers', 'gaps'].every((part) => a[part] === b[part])

function button(testid, shape, label, act, look = '') {
  return el('button', { class: `button ${look}`, type: 'button', 'data-testid': testid, onclick: act }, icon(shape), el('span', {}, label))
}

// A reload of this tab goes on with the same source.
const memory = (id) => `source of ${id}`
const remember = (id, { source_id, resume_token: token }) => sessionStorage.setItem(memory(id), JSON.stringify({ source_id, token }))
const remembered = (id) => JSON.parse(sessionStorage.getItem(memory(id)))
const forget = (id) => sessionStorage.removeItem(memory(id))
