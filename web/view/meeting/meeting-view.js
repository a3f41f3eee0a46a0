// A meeting's page: puts its parts together, and draws them from one state.

import { emptyText } from '../../state/messages.js'
import { audioLength, isPlayable, lacksAudio } from '../../state/playback/playable.js'
import * as select from '../../state/selectors.js'
import { sourceRows, sourcesButton } from '../../state/sources/source-rows.js'
import { t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, set } from '../dom.js'
import { downloadMenu } from '../download-menu.js'
import { EditBar } from '../editing/edit-bar.js'
import { messagePage } from '../message-page.js'
import { NoticesView } from '../notices.js'
import { PlayerBar } from '../player/player-bar.js'
import { signInPage } from '../sign-in-page.js'
import { SoundButtons } from '../sources/sound-buttons.js'
import { SourcesPanel } from '../sources/sources-panel.js'
import { Announcer } from './announcer.js'
import { MeetingHeader } from './meeting-header.js'
import { NotesSection } from './notes-section.js'
import { RecordingBar } from './recording-bar.js'
import { ScrollFollower } from './scroll-follower.js'
import { StatisticsSection } from './statistics-section.js'
import { TranscriptSection } from './transcript-section.js'
import { WaitingPanel } from './waiting-panel.js'

/** @typedef {import('../../state/notices.js').NoticeAction} NoticeAction */
/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/turns.js').Turn} Turn */
/** @typedef {import('../download-menu.js').Download} Download */
/** @typedef {import('../shell.js').Shell} Shell */
/** @typedef {import('../editing/edit-bar.js').BarService} BarService */
/** @typedef {import('../sources/sources-panel.js').SourcesHandlers} SourcesHandlers */

/**
 * What the page asks for.
 *
 * @typedef {object} PageHandlers
 * @property {import('./title-field.js').Rename} onRename
 * @property {() => void} onRecord
 * @property {() => void} onStop
 * @property {() => void} onEnd
 * @property {(deviceId: string) => void} onMicrophone
 * @property {() => void} onMute
 * @property {() => void} onTab the sound of a tab is to be shared, or no longer
 * @property {() => void} onShare
 * @property {() => void} onTerms
 * @property {() => void} onNotes
 * @property {() => void} onNotesDelete
 * @property {() => void} onAgain it is to be transcribed again
 * @property {(following: boolean) => void} onFollowing
 * @property {(action: NoticeAction) => void} onNotice
 * @property {(turn: Turn, anchor: HTMLElement) => void} onSpeaker
 * @property {import('../editing/line-editing.js').EditingService & BarService} editing
 * @property {() => import('../download-menu.js').FileWays} fileWays
 * @property {() => void} onStatistics they are wanted
 * @property {import('../player/player-bar.js').PlayerHandlers} player
 * @property {(token: string) => Promise<string>} signIn
 */

/** @typedef {PageHandlers & SourcesHandlers} MeetingHandlers */

export class MeetingView {
  #shell
  #handlers
  #home
  #downloads
  #follower
  #announcer
  #header
  #notices
  #notes
  #transcript
  #editBar
  #recordingBar
  #soundButtons
  #sources
  #player
  #noAudio = el('p', { class: 'no-audio', hidden: true, 'data-testid': 'no-audio' }, t('player.none'))
  #statistics
  #waiting = new WaitingPanel()
  #start
  #jump
  #share
  #terms
  /** @type {PageState | null} */
  #drawn = null
  /** @type {boolean | null} whether the start button stands in the panel of an empty page */
  #startInPanel = null
  #title = ''

  /**
   * @param {Shell} shell
   * @param {object} options
   * @param {string} options.home path of the first page
   * @param {Download[]} options.downloads files to offer once the meeting is over
   * @param {MeetingHandlers} options.handlers
   */
  constructor(shell, { home, downloads, handlers }) {
    const { onAgain, onFollowing, onNotice, onRecord, onRename, onShare, onTerms } = handlers
    this.#shell = shell
    this.#handlers = handlers
    this.#home = home
    this.#downloads = downloads
    this.#follower = new ScrollFollower(onFollowing)
    this.#announcer = new Announcer(shell.announcer)
    this.#header = new MeetingHeader({ home, onRename, onAgain })
    this.#notices = new NoticesView(onNotice)
    this.#transcript = new TranscriptSection(this.#follower, handlers)
    this.#notes = new NotesSection(handlers, (id) => this.#transcript.point(id))
    this.#editBar = new EditBar(handlers.editing)
    this.#soundButtons = new SoundButtons(handlers)
    this.#sources = new SourcesPanel(handlers)
    this.#recordingBar = new RecordingBar(handlers, this.#soundButtons.node)
    this.#player = new PlayerBar(handlers.player)
    this.#statistics = new StatisticsSection(handlers.onStatistics)
    const start = { testid: 'start', label: t('meeting.start'), onPress: onRecord, look: 'primary' }
    this.#start = new Button({ ...start, shape: 'mic' })
    const jump = { testid: 'jump-newest', label: t('meeting.newest'), onPress: () => onFollowing(true), look: 'jump' }
    this.#jump = new Button({ ...jump, shape: 'down' })
    this.#share = new Button({ testid: 'copy-link', shape: 'link', label: t('meeting.copy'), onPress: onShare })
    this.#terms = new Button({ testid: 'terms-open', shape: 'terms', label: t('meeting.terms'), onPress: onTerms })
  }

  open() {
    this.#follower.open()
    this.#transcript.open()
    this.#shell.actions.append(this.#terms.node, this.#share.node)
    this.#shell.main.append(
      el(
        'div',
        { class: 'meeting', 'data-testid': 'meeting' },
        this.#header.node,
        this.#notices.node,
        this.#statistics.node,
        this.#notes.node,
        this.#noAudio,
        this.#transcript.node,
        this.#waiting.node,
        this.#foot(),
      ),
    )
  }

  /** Whether something is written that is not saved. */
  get unsaved() {
    return this.#transcript.unsaved || this.#header.unsaved
  }

  /**
   * What somebody is writing, so that another language does not lose it.
   *
   * @param {MeetingView} before
   */
  takeOver(before) {
    this.#transcript.takeOver(before.#transcript)
    this.#header.takeOver(before.#header)
  }

  #foot() {
    const bars = [this.#jump, this.#editBar, this.#player, this.#sources, this.#recordingBar].map(({ node }) => node)
    return el('div', { class: 'recording-holder' }, ...bars)
  }

  close() {
    this.#follower.close()
    this.#transcript.close()
    this.#announcer.clear()
  }

  /**
   * @param {PageState} state
   * @returns {boolean} whether there is more to draw in the next frame
   */
  render(state) {
    const before = this.#drawn
    this.#drawn = state
    if (state.screen !== 'meeting') {
      this.#showInstead(state.screen)
      return false
    }
    const began = performance.now()
    const drawn = this.#transcript.render(state)
    this.#showPlayer(state)
    const focused = document.activeElement
    this.#showAround(state)
    this.#showWaiting(state)
    this.#showButtons(state)
    this.#keepFocus(focused)
    const { phase } = state.transcript
    if (phase === 'ended' && before?.transcript.phase !== 'ended') this.#offerDownloads()
    if (select.followsLive(state) && (drawn || !sameHeight(state, before))) this.#follower.toEnd()
    return this.#transcript.widen(state, performance.now() - began)
  }

  /** @param {PageState} state */
  #showPlayer(state) {
    const { playback, transcript, recording } = state
    const { blocks } = this.#transcript
    set(this.#noAudio, { hidden: !lacksAudio(state) })
    this.#player.render(
      isPlayable(state)
        ? {
            playback,
            length: audioLength(state),
            live: transcript.phase !== 'ended',
            recording: recording.kind === 'microphone',
            blocks,
            speakers: transcript.speakers,
          }
        : null,
    )
    const { target } = playback
    if (target !== null && this.#transcript.bring(target, transcript.left)) this.#handlers.player.onTargetShown()
  }

  /** @param {PageState} state */
  #showAround(state) {
    const { transcript, facts, recording } = state
    const { title, models, speakers } = transcript
    const phase = select.shownPhase(state)
    const editable = select.mayRename(state)
    const { seconds } = this.#transcript
    this.#notices.render(state.notices)
    this.#announcer.render(state.announcements)
    this.#editBar.render(state)
    this.#notes.render(select.notesPanel(state))
    this.#statistics.render(state)
    const again = select.offersAgain(state) && !lacksAudio(state)
    this.#header.render({ title, phase, facts, models, speakers, seconds, editable, again })
    this.#showTitle(`${title || t('meeting.untitled')} · ${t('app.name')}`)
    set(this.#recordingBar.node, { hidden: transcript.phase === 'ended' })
    this.#recordingBar.render({
      recording,
      elapsed: select.elapsed(state),
      connection: select.connectionLine(state),
      lag: select.lagLine(state),
      stop: select.stopLabel(state),
      end: select.endButton(state),
    })
    this.#soundButtons.render(state)
    this.#sources.render(sourcesButton(state)?.open ? sourceRows(state) : null)
  }

  /** @param {string} title of the window */
  #showTitle(title) {
    if (title !== this.#title) document.title = title
    this.#title = title
  }

  /** @param {PageState} state */
  #showWaiting({ role, transcript }) {
    const empty = this.#transcript.blocks.length === 0
    const [title, text] = emptyText(role, transcript.phase)
    set(this.#waiting.node, { hidden: !empty })
    this.#waiting.render({ title, text, still: transcript.phase === 'ended' })
    if (empty === this.#startInPanel) return
    this.#startInPanel = empty
    if (empty) this.#waiting.node.append(this.#start.node)
    else this.#soundButtons.node.prepend(this.#start.node)
  }

  /** @param {PageState} state */
  #showButtons(state) {
    const start = select.startButton(state)
    const share = select.shareButton(state)
    set(this.#start.node, { hidden: !start, disabled: state.opening })
    if (start) this.#start.label = start.label
    set(this.#share.node, { hidden: !share })
    set(this.#terms.node, { hidden: !select.offersTerms(state) })
    if (share) this.#share.label = share.label
    set(this.#jump.node, { hidden: !select.offersJump(state) })
  }

  /**
   * What had the focus in the bar, and is gone, leaves it there, and with the bar at the end of what was said: not at
   * the top of the page. A button that moves takes it along.
   *
   * @param {Element | null} focused before
   */
  #keepFocus(focused) {
    const { node: bar } = this.#recordingBar
    const parts = [bar, this.#sources.node, this.#start.node]
    if (!(focused instanceof HTMLElement) || !parts.some((part) => part.contains(focused))) return
    const gone = focused.closest('[hidden]') || focused.matches(':disabled')
    const end = this.#waiting.node.hidden ? this.#transcript.end : this.#waiting.title
    const next = !gone ? focused : bar.hidden ? end : bar
    if (next !== document.activeElement) next.focus({ preventScroll: true })
  }

  #offerDownloads() {
    this.#shell.actions.append(downloadMenu(t('export.button'), this.#downloads, 'export', this.#handlers.fileWays()))
  }

  /** @param {'missing' | 'locked'} screen */
  #showInstead(screen) {
    const { main, actions, reload } = this.#shell
    const title = t(screen === 'missing' ? 'missing.title' : 'locked.title')
    const way = el('a', { class: 'button primary', href: this.#home }, t('missing.home'))
    document.title = title
    actions.replaceChildren()
    main.replaceChildren(
      screen === 'missing'
        ? messagePage({ title, text: t('missing.text'), testid: 'only-message', way })
        : signInPage({ title, text: t('locked.text'), signIn: this.#handlers.signIn, onDone: reload }),
    )
  }
}

/**
 * Whether nothing that lies above the end of the page has changed.
 *
 * @param {PageState} state
 * @param {PageState | null} before
 */
function sameHeight(state, before) {
  if (!before) return false
  const parts = /** @type {const} */ (['transcript', 'facts', 'following', 'notices', 'permission', 'role', 'listing'])
  return parts.every((part) => state[part] === before[part]) && state.connection.state === before.connection.state
}
