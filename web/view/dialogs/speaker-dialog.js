// The dialog in which a host says who a speaker is, who said which line, and what.

import { clock, speakerName } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { ExcerptButtons } from './excerpt-buttons.js'
import { openModal } from './modal.js'
import { VoiceSection, recognisedSection } from './voice-section.js'

/** @typedef {import('../../state/transcript.js').Segment} Segment */
/** @typedef {import('../../state/transcript.js').Transcript} Transcript */
/** @typedef {import('../../state/turns.js').Turn} Turn */

/**
 * What the dialog asks the server; each fails with a sentence for the reader.
 *
 * @typedef {object} EditService
 * @property {(id: string, changes: { name?: string | null, merge_into?: string }) => Promise<void>} speaker
 * @property {(id: string, changes: { rev: number, text?: string, speaker?: string | null }) => Promise<void>} segment
 */

/**
 * @typedef {object} Asked
 * @property {Turn} turn
 * @property {HTMLElement} anchor what was pressed
 * @property {() => Transcript} transcript the newest
 * @property {EditService} edit
 * @property {import('./voice-section.js').VoiceService | null} voice null where it is nobody's
 * @property {import('./excerpt-buttons.js').Excerpt[]} excerpts of the voice, to be heard before it is named
 * @property {import('./excerpt-buttons.js').Listen} listen
 */

/**
 * @typedef {object} Line
 * @property {Segment} segment as it was read, or as it was last saved here
 * @property {string} speaker who said it, likewise; empty where that is nobody known
 * @property {HTMLTextAreaElement} text
 * @property {HTMLSelectElement} who
 * @property {HTMLElement} node
 */

/** @param {Asked} asked */
export function openSpeakerDialog(asked) {
  new SpeakerDialog(asked).open()
}

class SpeakerDialog {
  #asked
  #speaker
  #speakers
  #saved // the name that is known
  #merged = '' // into whom it was merged here
  #partly = false // whether something was saved, and something behind it was not
  #name
  #same
  /** @type {Line[]} */
  #lines
  #excerpts
  /** @type {VoiceSection | null} */
  #voice = null
  #problem = el('p', { class: 'speaker-problem', role: 'status', 'data-testid': 'speaker-problem' })
  #save = el('button', { class: 'button primary', type: 'submit', 'data-testid': 'speaker-save' }, t('button.save'))

  /** @param {Asked} asked */
  constructor(asked) {
    this.#asked = asked
    this.#speaker = asked.turn.speaker
    this.#speakers = asked.transcript().speakers
    this.#saved = (this.#speaker && this.#speakers.get(this.#speaker)?.name) || ''
    this.#name = el('input', {
      type: 'text',
      maxlength: 200,
      value: this.#saved,
      placeholder: this.#speaker && speakerName(this.#speaker, new Map()),
      autocomplete: 'off',
      spellcheck: 'false',
      'data-testid': 'speaker-name',
    })
    const nobody = el('option', { value: '' }, t('who.nobody'))
    const others = this.#ids.filter((id) => id !== this.#speaker).map((id) => this.#option(id))
    this.#same = el('select', { 'data-testid': 'speaker-same' }, nobody, ...others)
    this.#excerpts = new ExcerptButtons(asked.excerpts, asked.listen)
    if (asked.voice && !this.#recognised) this.#voice = new VoiceSection(asked.voice)
    this.#lines = asked.turn.segments.filter(({ final }) => final).map((segment) => this.#line(segment))
  }

  get #recognised() {
    return this.#speaker !== null && this.#speakers.get(this.#speaker)?.recognized === true
  }

  // Of those who are nobody else.
  get #ids() {
    return [...this.#speakers.values()].filter(({ merged_into: into }) => !into).map(({ id }) => id)
  }

  /** @param {string} id */
  #option(id) {
    return el('option', { value: id }, speakerName(id, this.#speakers))
  }

  /**
   * @param {Segment} segment
   * @returns {Line}
   */
  #line(segment) {
    const time = clock(segment.start)
    const said = { 'aria-label': t('who.text-at', { time }), 'data-testid': 'line-text' }
    const text = el('textarea', { rows: 2, maxlength: 20_000, ...said })
    text.value = segment.text
    const options = [el('option', { value: '' }, t('speaker.unknown')), ...this.#ids.map((id) => this.#option(id))]
    const who = el('select', { 'aria-label': t('who.speaker-at', { time }), 'data-testid': 'line-speaker' }, ...options)
    const speaker = this.#speaker ?? ''
    who.value = speaker
    const when = el('span', { class: 'speaker-time', 'aria-hidden': 'true' }, time)
    return { segment, speaker, text, who, node: el('li', { 'data-line': segment.id }, when, who, text) }
  }

  open() {
    const form = this.#form(() => dialog.close())
    const attributes = { 'aria-labelledby': 'speaker-title', 'data-testid': 'speaker-dialog' }
    const dialog = el('dialog', { class: 'dialog speaker-dialog', ...attributes }, form)
    const { anchor } = this.#asked
    openModal(dialog, () => {
      this.#asked.listen.stop()
      if (anchor.isConnected) anchor.focus()
    })
    place(dialog, anchor)
    if (this.#speaker !== null) this.#name.select()
  }

  /** @param {() => void} close */
  #form(close) {
    const [speaker, lines] = [this.#speaker, this.#lines]
    const title = speaker === null ? t('who.line') : t('who.speaker', { name: speakerName(speaker, this.#speakers) })
    const cancel = { class: 'button', type: 'button', 'data-testid': 'speaker-cancel', onclick: close }
    const form = el(
      'form',
      { class: 'speaker-form' },
      el('h2', { id: 'speaker-title' }, title),
      this.#excerpts.node,
      this.#recognised ? recognisedSection(this.#saved, (name) => this.#answer(name, close)) : null,
      speaker === null ? null : el('label', {}, el('span', {}, t('who.name')), this.#name),
      speaker === null || this.#ids.length < 2 ? null : el('label', {}, el('span', {}, t('who.same')), this.#same),
      this.#voice?.node,
      lines.length === 0 ? null : el('h3', {}, t('who.lines', { count: lines.length })),
      el('ul', { class: 'speaker-lines', hidden: lines.length === 0 }, ...lines.map(({ node }) => node)),
      this.#problem,
      el('div', { class: 'dialog-actions' }, el('button', cancel, t('button.cancel')), this.#save),
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit(close)
    })
    return form
  }

  /**
   * @param {string | null} name
   * @param {() => void} close
   */
  #answer(name, close) {
    const speaker = this.#speaker
    return this.#saving(close, async () => speaker !== null && this.#asked.edit.speaker(speaker, { name }))
  }

  /** @param {() => void} close */
  #submit(close) {
    return this.#saving(close, async () => {
      for (const line of this.#lines) await this.#saveLine(line)
      await this.#saveSpeaker()
      await this.#voice?.save()
    })
  }

  /**
   * @param {() => void} close
   * @param {() => Promise<unknown>} save
   */
  async #saving(close, save) {
    this.#save.disabled = true
    try {
      await save()
      close()
    } catch (error) {
      const why = /** @type {Error} */ (error).message
      setText(this.#problem, t(this.#partly ? 'who.partly' : 'edit.failed', { why }))
    }
    this.#save.disabled = false
  }

  async #saveSpeaker() {
    if (this.#speaker === null) return
    /** @type {{ name?: string | null, merge_into?: string }} */
    const changes = {}
    const written = this.#name.value.trim()
    if (written !== this.#saved) changes.name = written || null
    if (this.#same.value && this.#same.value !== this.#merged) changes.merge_into = this.#same.value
    if (Object.keys(changes).length === 0) return
    await this.#asked.edit.speaker(this.#speaker, changes)
    this.#saved = written
    this.#merged = this.#same.value
    this.#partly = true
  }

  /** @param {Line} line */
  async #saveLine(line) {
    const { segment, speaker, text, who } = line
    /** @type {{ text?: string, speaker?: string | null }} */
    const changes = {}
    const written = text.value.trim().replace(/\s+/g, ' ')
    if (who.value !== speaker) changes.speaker = who.value || null
    if (written && written !== segment.text) changes.text = written
    if (Object.keys(changes).length === 0) return
    // What was decided about these words holds for them whatever label they got meanwhile.
    const now = this.#asked.transcript().segments.get(segment.id)
    const rev = now?.text === segment.text ? now.rev : segment.rev
    await this.#asked.edit.segment(segment.id, { rev, ...changes })
    // If what is saved behind it fails, it is not sent again: by then it would be outdated.
    line.segment = { ...segment, text: changes.text ?? segment.text }
    line.speaker = changes.speaker === undefined ? speaker : (changes.speaker ?? '')
    this.#partly = true
  }
}

/**
 * Beside the name where there is room, else where dialogs stand.
 *
 * @param {HTMLElement} dialog
 * @param {HTMLElement} anchor
 */
function place(dialog, anchor) {
  if (window.innerWidth < 640) return
  const { left, bottom } = anchor.getBoundingClientRect()
  const { width, height } = dialog.getBoundingClientRect()
  dialog.style.margin = '0'
  dialog.style.left = `${Math.max(16, Math.min(left, window.innerWidth - width - 16))}px`
  dialog.style.top = `${Math.max(16, Math.min(bottom + 8, window.innerHeight - height - 16))}px`
}
