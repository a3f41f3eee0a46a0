// At the foot of the page: what is done with the lines that are selected, and the way back of the last change.

import { selectedLines } from '../../state/editing/selection.js'
import { t } from '../../texts/texts.js'
import { el, set, setText } from '../dom.js'
import { VoiceSelect } from './voice-select.js'

/** @typedef {import('../../state/editing/draft.js').Voice} Voice */
/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/transcript.js').Segment} Segment */

/**
 * @typedef {object} BarService
 * @property {(lines: Segment[], voice: Voice) => Promise<void>} give
 * @property {(selected: ReadonlySet<string>) => void} select
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} quiet
 */

export class EditBar {
  #service
  /** @type {PageState | null} */
  #state = null
  #who = new VoiceSelect({ label: t('edit.give'), nothing: t('edit.give') })
  #count = el('p', { role: 'status', 'data-testid': 'selected-count' })
  #problem = el('p', { class: 'line-problem', role: 'alert' })
  #selection
  #said = el('p', { role: 'status', 'data-testid': 'edit-said' })
  #undo
  #redo
  #history
  node

  /** @param {BarService} service */
  constructor(service) {
    this.#service = service
    const act = (/** @type {string} */ key, /** @type {() => void} */ onclick, look = '') =>
      el('button', { class: `button small ${look}`, type: 'button', 'data-testid': key, onclick }, t(`edit.${key}`))
    const give = act('give-lines', () => this.#give(), 'primary')
    const clear = act('select-none', () => this.#service.select(new Set()))
    const selecting = { class: 'edit-row', role: 'group', 'aria-label': t('edit.selection'), hidden: true }
    this.#selection = el('div', selecting, this.#count, this.#who.node, give, clear, this.#problem)
    this.#undo = act('undo', () => service.undo())
    this.#redo = act('redo', () => service.redo())
    const close = act('quiet', () => service.quiet())
    this.#history = el('div', { class: 'edit-row', hidden: true }, this.#said, this.#undo, this.#redo, close)
    const bar = { class: 'edit-bar', hidden: true, 'data-testid': 'edit-bar' }
    this.node = el('div', bar, this.#selection, this.#history)
  }

  /** @param {PageState} state */
  render(state) {
    if (this.#state === state) return
    this.#state = state
    const { selected, edits, transcript } = state
    this.#who.speakers = transcript.speakers
    if (selected.size === 0 && !this.#selection.hidden) this.#who.clear()
    set(this.#selection, { hidden: selected.size === 0 })
    setText(this.#count, selected.size ? t('edit.selected', { count: selected.size }) : '')
    if (selected.size === 0) setText(this.#problem, '')
    set(this.#history, { hidden: !edits.said })
    setText(this.#said, edits.said)
    set(this.#undo, { hidden: edits.done.length === 0 })
    set(this.#redo, { hidden: edits.undone.length === 0 })
    set(this.node, { hidden: selected.size === 0 && !edits.said })
  }

  async #give() {
    const state = this.#state
    if (!state || this.#who.nameless) return
    const { voice } = this.#who
    if (!voice) {
      setText(this.#problem, t('edit.give.whom'))
      return
    }
    try {
      await this.#service.give(selectedLines(state.selected, state.transcript), voice)
      this.#service.select(new Set())
    } catch (error) {
      setText(this.#problem, t('edit.failed', { why: /** @type {Error} */ (error).message }))
    }
  }
}
