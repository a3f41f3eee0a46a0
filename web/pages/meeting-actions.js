// What people do with a meeting beside recording it: rename, edit, share, end, download.

import * as api from '../net/api.js'
import { editSegment, editSpeaker } from '../net/edits-api.js'
import { linkToken, tokenFor } from '../net/tokens.js'
import { listModels, transcribeAgain } from '../net/uploads.js'
import { absoluteUrl, captionsUrl, meetingPath } from '../net/urls.js'
import { renamed, say, unsay } from '../state/page-state.js'
import { excerptsOf } from '../state/playback/excerpts.js'
import { isPlayable } from '../state/playback/playable.js'
import { sharesWithTokens } from '../state/selectors.js'
import { t } from '../texts/texts.js'
import { openAgainDialog } from '../view/dialogs/again-dialog.js'
import { confirm } from '../view/dialogs/confirm-dialog.js'
import { openLinkDialog } from '../view/dialogs/link-dialog.js'
import { openPreviewDialog } from '../view/dialogs/preview-dialog.js'
import { openShareDialog } from '../view/dialogs/share-dialog.js'
import { openSpeakerDialog } from '../view/dialogs/speaker-dialog.js'
import { openTermsDialog } from '../view/dialogs/terms-dialog.js'
import { saveFile } from '../view/save-file.js'
import { PageEditing } from './meeting/page-editing.js'
import { PageNotes } from './meeting/page-notes.js'
import { PagePlayback } from './meeting/page-playback.js'
import { PageStatistics } from './meeting/page-statistics.js'

/** @typedef {import('../state/page-state.js').PageState} PageState */
/** @typedef {import('../state/turns.js').Turn} Turn */
/** @typedef {import('../state/wire-messages.js').ServerMessage} ServerMessage */

export class MeetingActions {
  #id
  #links
  #store
  #editing
  #renaming = Promise.resolve(true)

  /**
   * @param {string} id of the meeting
   * @param {api.Links} links by role that this page knows, since it has just made the meeting
   * @param {import('./page-store.js').PageStore<PageState>} store
   * @param {(message: ServerMessage) => void} receive takes what the server answers
   */
  constructor(id, links, store, receive) {
    this.#id = id
    this.#links = links
    this.#store = store
    this.notes = new PageNotes(id, store)
    this.#editing = new PageEditing(id, store, receive)
    this.playback = new PagePlayback(id, store)
    this.statistics = new PageStatistics(id, store)
  }

  /** The files of a meeting that is over. */
  get downloads() {
    return api.FORMATS.map((format) => ({
      href: api.exportUrl(this.#id, format),
      label: t(`export.${format}`),
      hint: t(`export.${format}.hint`),
      testid: `export-${format}`,
    }))
  }

  /** How files are looked at, and how they are downloaded where a plain link would lack the token. */
  get fileWays() {
    const save = (/** @type {string} */ href) => this.#download(href)
    return { save: tokenFor(this.#id) ? save : null, preview: () => this.#preview() }
  }

  /** @param {string} href */
  async #download(href) {
    try {
      const { name, content } = await api.download(href, this.#id)
      saveFile(name, content)
      this.#unsay('export')
    } catch (error) {
      this.#say('export', t('export.failed', { why: /** @type {Error} */ (error).message }))
    }
  }

  #preview() {
    openPreviewDialog(api.TEXT_FORMATS, async (format) => {
      const { content } = await api.download(api.exportUrl(this.#id, format), this.#id)
      return content.text()
    })
  }

  /**
   * One after the other, so that the last one is the one that stays.
   *
   * @param {string} title
   * @returns {Promise<boolean>} whether the server took it
   */
  rename(title) {
    this.#renaming = this.#renaming.then(() => this.#rename(title))
    return this.#renaming
  }

  /** @param {string} title */
  async #rename(title) {
    const { title: before } = this.#store.state.transcript
    try {
      await api.renameMeeting(this.#id, title)
      // What was told meanwhile is newer than this answer, or this title is told of next.
      this.#store.update((state) => (state.transcript.title === before ? renamed(state, title) : state))
      this.#unsay('title')
      return true
    } catch (error) {
      this.#say('title', t('title.failed', { why: /** @type {Error} */ (error).message }))
      return false
    } finally {
      if (!this.#store.closed) this.#store.draw()
    }
  }

  /** The meeting is transcribed again; its page shows what comes of it once it is there. */
  again() {
    const { languages } = this.#store.state.transcript.models
    openAgainDialog({
      id: this.#id,
      languages: languages ?? [],
      models: listModels(),
      ask: (body) => transcribeAgain(this.#id, body),
    })
  }

  /**
   * A host ends a meeting that sound of others comes into, or none any more.
   *
   * @param {() => Promise<void>} stop sends the last of what is recorded here
   */
  async end(stop) {
    const agreed = await confirm({
      title: t('end.title'),
      text: t('end.text'),
      no: t('end.no'),
      yes: t('end.yes'),
      danger: true,
    })
    if (!agreed || this.#store.closed) return
    this.#store.set({ ending: true })
    try {
      await stop()
      await api.endMeeting(this.#id)
      this.#unsay('ending')
    } catch (error) {
      this.#store.set({ ending: false })
      if (this.#store.state.transcript.phase === 'ended') return // its last source has stopped meanwhile
      this.#say('ending', t('end.failed', { why: /** @type {Error} */ (error).message }))
    }
  }

  /** What a host changes by hand. */
  get editHandlers() {
    return {
      editing: this.#editing,
      onSpeaker: (/** @type {Turn} */ turn, /** @type {HTMLElement} */ anchor) => this.#edit(turn, anchor),
    }
  }

  /**
   * Asks who said a turn, and what.
   *
   * @param {Turn} turn
   * @param {HTMLElement} anchor
   */
  #edit(turn, anchor) {
    const { state } = this.#store
    const did = this.#editing.group(t('edit.done.who'))
    openSpeakerDialog({
      turn,
      anchor,
      excerpts: turn.speaker !== null && isPlayable(state) ? excerptsOf(state.transcript, turn.speaker) : [],
      listen: {
        play: (part, onOver) => this.playback.playPart(part, onOver),
        stop: () => this.playback.stopPart(),
      },
      transcript: () => this.#store.state.transcript,
      voice: turn.speaker === null ? null : this.#voiceService(turn.speaker),
      edit: {
        speaker: (id, changes) => did(editSpeaker(this.#id, id, changes)),
        segment: (id, changes) => did(editSegment(this.#id, id, changes)),
      },
    })
  }

  /** @param {string} speaker */
  #voiceService(speaker) {
    return {
      find: async () => (await api.findVoice(this.#id, speaker)).voice,
      remember: () => api.rememberVoice(this.#id, speaker),
      forget: () => api.forgetSpeakersVoice(this.#id, speaker),
    }
  }

  /** A host says which names and terms are likely to be said. */
  expect() {
    openTermsDialog({
      load: async () => (await api.getHotwords(this.#id)).hotwords,
      save: (terms) => api.setHotwords(this.#id, terms),
    })
  }

  /** Links for roles where there are tokens, else the one address that there is. */
  share() {
    const draw = (/** @type {string} */ link) => api.drawCode(this.#id, link)
    if (sharesWithTokens(this.#store.state)) {
      openShareDialog({
        draw,
        create: async (kind, seconds) =>
          kind === 'captions' ? captionsUrl(await this.#createLink('view', seconds)) : this.#createLink(kind, seconds),
        list: async () => (await api.listLinks(this.#id)).links,
        revoke: async ({ id, role }) => {
          await api.revokeLink(this.#id, id)
          delete this.#links[role] // it may have been this one
        },
      })
    } else {
      const own = linkToken(this.#id)
      const link = absoluteUrl(this.#links.view ?? `${meetingPath(this.#id)}${own ? `#t=${own}` : ''}`)
      openLinkDialog({ link, captions: captionsUrl(link), draw })
    }
  }

  /**
   * @param {keyof api.Links} role
   * @param {number | null} seconds
   */
  async #createLink(role, seconds) {
    const known = seconds === null ? this.#links[role] : undefined
    return absoluteUrl(known ?? (await api.createLink(this.#id, role, seconds)).url)
  }

  /**
   * @param {string} key
   * @param {string} text
   */
  #say(key, text) {
    this.#store.update((state) => say(state, key, { text }))
  }

  /** @param {string} key */
  #unsay(key) {
    this.#store.update((state) => unsay(state, key))
  }
}
