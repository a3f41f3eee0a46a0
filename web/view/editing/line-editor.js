// Stands in the place of a line while somebody writes it.

import { agreed, begin, nextLine, plain, seen, splitAt } from '../../state/editing/draft.js'
import { clock, speakerName } from '../../state/format.js'
import { resolveSpeaker } from '../../state/turns.js'
import { t } from '../../texts/texts.js'
import { el, set, setText } from '../dom.js'
import { VoiceSelect } from './voice-select.js'

/** @typedef {import('../../state/editing/draft.js').Voice} Voice */
/** @typedef {import('../../state/editing/draft.js').Draft} Draft */
/** @typedef {import('../../state/transcript.js').Segment} Segment */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */

/**
 * What the editor asks for; each fails with a sentence for the reader, and `code` where the server refused.
 *
 * @typedef {object} LineService
 * @property {(line: Segment, changes: { text?: string, voice?: Voice }) => Promise<void>} save
 * @property {(line: Segment, texts: string[]) => Promise<void>} split
 * @property {(line: Segment, next: Segment, text?: string) => Promise<void>} join
 * @property {(line: string) => Promise<string | null>} read has the newest line shown; what was recognised of it
 * @property {(text: string) => void} say tells what became of a line beside the editors
 */

export class LineEditor {
  #service
  #onClose
  /** @type {Draft} */
  #draft
  /** @type {readonly Segment[]} in order of time */
  #lines = []
  /** @type {Speakers} */
  #speakers = new Map()
  #busy = false
  #text
  #who = new VoiceSelect({ label: t('edit.voice') })
  #recognised = el('p', { class: 'line-recognised', hidden: true, 'data-testid': 'line-recognised' })
  #theirs = el('p')
  #conflict
  #problem = el('p', { class: 'line-problem', role: 'alert', 'data-testid': 'line-problem' })
  #save
  #split
  #join
  node

  /**
   * @param {Segment} line
   * @param {LineService} service
   * @param {() => void} onClose
   */
  constructor(line, service, onClose) {
    this.#service = service
    this.#onClose = onClose
    this.#draft = begin(line)
    const label = t('who.text-at', { time: clock(line.start) })
    const written = { 'aria-label': label, maxlength: 20_000, rows: 1, 'data-testid': 'line-words' }
    this.#text = el('textarea', { ...written, onkeyup: () => this.#offer(), onclick: () => this.#offer() })
    this.#text.addEventListener('input', () => this.#offer())
    this.#text.value = line.text
    const act = (/** @type {string} */ key, /** @type {() => void} */ onclick, look = 'small') =>
      el('button', { class: `button ${look}`, type: 'button', 'data-testid': `line-${key}`, onclick }, t(`edit.${key}`))
    this.#save = act('save', () => this.#submit(), 'small primary')
    this.#split = act('split', () => this.#doSplit())
    this.#join = act('join', () => this.#doJoin())
    const [mine, take] = [act('keep-mine', () => this.#keepMine()), act('take-theirs', () => this.#takeTheirs())]
    const ways = el('div', { class: 'line-buttons' }, mine, take)
    const conflict = { class: 'line-conflict', role: 'alert', hidden: true, 'data-testid': 'line-conflict' }
    this.#conflict = el('div', conflict, this.#theirs, ways)
    const buttons = [this.#save, act('cancel', () => this.#onClose()), this.#split, this.#join]
    this.node = el(
      'div',
      { class: 'line-editor', role: 'group', 'aria-label': label, 'data-testid': 'line-editor' },
      this.#text,
      this.#recognised,
      this.#conflict,
      this.#problem,
      el('div', { class: 'line-buttons' }, this.#who.node, ...buttons),
    )
    this.node.addEventListener('keydown', (event) => this.#key(event))
  }

  get line() {
    return this.#draft.base
  }

  /** Whether the line is there no more, so that there is no place for the editor among the others. */
  get gone() {
    return this.#draft.gone
  }

  /** Whether something is written that is not saved. */
  get unsaved() {
    return this.#touched
  }

  /**
   * What was written in the one that this takes the place of; the focus stays where it is.
   *
   * @param {LineEditor} before
   */
  takeOver(before) {
    this.#draft = before.#draft
    this.#text.value = before.#text.value
    this.#who.takeOver(before.#who)
    this.#speakers = before.#speakers
    this.#showConflict()
    this.#offer()
    this.#readRecognised()
  }

  /** Whether its answer is waited for. */
  get busy() {
    return this.#busy
  }

  /** Has whoever writes go on, where something is written that is not saved; false where nothing is. */
  insists() {
    if (this.#touched) this.#text.focus()
    return this.#touched
  }

  /** @param {Speakers} speakers */
  open(speakers) {
    this.#speakers = speakers
    this.#who.speakers = speakers
    this.#who.chosen = resolveSpeaker(this.line.speaker, speakers)
    this.#offer()
    this.#text.focus()
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length)
    this.node.scrollIntoView({ block: 'nearest' })
    this.#readRecognised()
  }

  async #readRecognised() {
    const text = await this.#service.read(this.line.id).catch(() => null)
    set(this.#recognised, { hidden: text === null })
    if (text !== null) setText(this.#recognised, t('edit.recognised', { text }))
  }

  /**
   * @param {readonly Segment[]} lines in order of time
   * @param {Segment | undefined} now the line as it is now
   * @param {Speakers} speakers
   */
  render(lines, now, speakers) {
    this.#lines = lines
    this.#speakers = speakers
    this.#who.speakers = speakers
    const before = this.#draft
    const touched = this.#touched
    this.#draft = seen(before, now, touched)
    if (this.#draft === before) return
    if (!touched && this.#text.value !== this.line.text) this.#text.value = this.line.text
    if (before.base.speaker !== this.line.speaker && this.#sameVoice(before.base)) {
      this.#who.chosen = resolveSpeaker(this.line.speaker, speakers)
    }
    this.#showConflict()
    this.#offer()
  }

  get #touched() {
    return plain(this.#text.value) !== this.line.text
  }

  /** @param {Segment} line */
  #sameVoice(line) {
    const { voice } = this.#who
    return voice !== null && 'speaker' in voice && voice.speaker === resolveSpeaker(line.speaker, this.#speakers)
  }

  #showConflict() {
    const { theirs, gone } = this.#draft
    set(this.#conflict, { hidden: !theirs && !gone })
    for (const button of this.#conflict.querySelectorAll('button')) set(button, { hidden: gone })
    if (gone) setText(this.#theirs, t('edit.gone'))
    else if (theirs) {
      const who = speakerName(resolveSpeaker(theirs.speaker, this.#speakers), this.#speakers)
      setText(this.#theirs, t('edit.conflict', { who, text: theirs.text }))
    }
    if (!theirs && !gone) return
    setText(this.#problem, '')
    this.#conflict.scrollIntoView({ block: 'center' })
  }

  #keepMine() {
    this.#draft = agreed(this.#draft)
    this.#showConflict()
    this.#offer()
    this.#submit()
  }

  #takeTheirs() {
    this.#draft = agreed(this.#draft)
    this.#text.value = this.line.text
    this.#who.chosen = resolveSpeaker(this.line.speaker, this.#speakers)
    this.#showConflict()
    this.#offer()
    this.#text.focus()
  }

  /** What can be done now. */
  #offer() {
    const { theirs, gone } = this.#draft
    const stuck = this.#busy || Boolean(theirs) || gone
    set(this.#text, { readOnly: this.#busy }) // what is written now would go with the editor, once that is answered
    set(this.#save, { disabled: stuck })
    set(this.#split, { disabled: stuck || !splitAt(this.#text.value, this.#text.selectionStart) })
    set(this.#join, { disabled: stuck || !nextLine(this.#lines, this.line) || !plain(this.#text.value) })
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.altKey) return
    const inField = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement
    if (event.key === 'Escape') this.#onClose()
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#doSplit()
    else if (event.key === 'Enter' && inField) this.#submit()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  #submit() {
    if (this.#save.disabled || this.#who.nameless) return
    const written = plain(this.#text.value)
    if (!written) {
      setText(this.#problem, t('edit.empty'))
      return
    }
    /** @type {{ text?: string, voice?: Voice }} */
    const changes = {}
    const { voice } = this.#who
    if (written !== this.line.text) changes.text = written
    if (voice && !this.#sameVoice(this.line)) changes.voice = voice
    if (changes.text === undefined && !changes.voice) this.#onClose()
    else this.#do(() => this.#service.save(this.line, changes))
  }

  #doSplit() {
    const texts = splitAt(this.#text.value, this.#text.selectionStart)
    if (!this.#split.disabled && texts) this.#do(() => this.#service.split(this.line, texts))
  }

  #doJoin() {
    const next = nextLine(this.#lines, this.line)
    const text = this.#touched ? plain(this.#text.value) : undefined
    if (!this.#join.disabled && next) this.#do(() => this.#service.join(this.line, next, text))
  }

  /** @param {() => Promise<void>} ask */
  async #do(ask) {
    this.#busy = true
    this.#offer()
    setText(this.#problem, '')
    try {
      await ask()
      this.#onClose()
    } catch (error) {
      await this.#failed(/** @type {Error & { code?: string }} */ (error))
    }
    this.#busy = false
    this.#offer()
  }

  /** @param {Error & { code?: string }} error */
  async #failed({ message, code }) {
    setText(this.#problem, t('edit.failed', { why: message }))
    const time = clock(this.line.start)
    if (!this.node.isConnected) this.#service.say(t('edit.failed.line', { time, why: message }))
    // The newest line comes with the next drawing, and says what somebody else wrote.
    if (code === 'outdated' || code === 'not_found') await this.#service.read(this.line.id).catch(() => null)
  }
}
