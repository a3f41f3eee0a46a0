// Changes by hand where the words are: joins the pointer, the editor of a line and the selection.

import { extended, remaining, toggled } from '../../state/editing/selection.js'
import { mayEdit } from '../../state/selectors.js'
import { el } from '../dom.js'
import { LineEditor } from './line-editor.js'
import { LinePointer } from './line-pointer.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/transcript.js').Segment} Segment */
/** @typedef {import('../../state/turns.js').Block} Block */

/**
 * @typedef {import('./line-editor.js').LineService & {
 *   select: (selected: ReadonlySet<string>) => void, undo: () => void, redo: () => void, quiet: () => void
 * }} EditingService
 */

export class LineEditing {
  #root
  #service
  #replace
  #onBegin
  #pointer
  #lost = el('div', { class: 'line-lost' })
  /** @type {LineEditor | null} */
  #editor = null
  /** @type {LineEditor | null} of the view that this one takes the place of, until lines are drawn */
  #before = null
  /** @type {readonly Block[] | null} */
  #blocks = null
  /** @type {readonly Segment[]} in order of time */
  #lines = []
  /** @type {PageState | null} */
  #state = null
  /** @type {ReadonlySet<string>} */
  #marked = new Set()

  /**
   * @param {HTMLElement} root that holds the lines
   * @param {EditingService} service
   * @param {object} around
   * @param {(id: string, node: HTMLElement | null) => void} around.replace shows something in the place of a line, or
   *   the line again
   * @param {() => void} around.onBegin somebody begins to write
   */
  constructor(root, service, { replace, onBegin }) {
    this.#root = root
    this.#service = service
    this.#replace = replace
    this.#onBegin = onBegin
    this.#pointer = new LinePointer(root, {
      onWrite: (id) => this.#write(id),
      onToggle: (id) => this.#select((selected) => toggled(selected, id)),
      onExtend: (from, to) => this.#select((selected) => extended(selected, this.#ids, from, to)),
      selecting: () => (this.#state?.selected.size ?? 0) > 0,
    })
  }

  open() {
    document.addEventListener('keydown', this.#key)
  }

  close() {
    document.removeEventListener('keydown', this.#key)
  }

  /** What stands beside the lines: the tools of one, and the editor of one that is gone. */
  get nodes() {
    return [this.#pointer.tools, this.#lost]
  }

  /** Whether something is written that is not saved. */
  get unsaved() {
    return this.#editor?.unsaved ?? this.#before !== null
  }

  /**
   * What is being written goes on being written here.
   *
   * @param {LineEditing} before
   */
  takeOver(before) {
    const editor = before.#editor ?? before.#before
    if (!editor?.busy) this.#before = editor // what is being saved needs its editor no more
  }

  get #ids() {
    return this.#lines.filter(({ final }) => final).map(({ id }) => id)
  }

  /**
   * @param {PageState} state
   * @param {readonly Block[]} blocks
   */
  render(state, blocks) {
    const drawn = blocks !== this.#blocks
    this.#state = state
    this.#blocks = blocks
    if (drawn) this.#lines = blocks.flatMap((block) => (block.kind === 'turn' ? block.segments : []))
    this.#pointer.render(mayEdit(state))
    this.#mark(state.selected)
    if (drawn) {
      this.#pointer.follow()
      this.#select((selected) => remaining(selected, this.#ids))
    }
    this.#goOn()
    this.#renderEditor(state)
  }

  /** Goes on with what was being written before this was drawn. */
  #goOn() {
    const before = this.#before
    if (!before) return
    this.#before = null
    this.#begin(before.line).takeOver(before)
  }

  /** @param {PageState} state */
  #renderEditor({ transcript }) {
    const editor = this.#editor
    if (!editor) return
    const { segments, stale, speakers } = transcript
    const { id } = editor.line
    editor.render(this.#lines, segments.get(id) ?? stale.get(id), speakers)
    if (editor.gone === (editor.node.parentElement === this.#lost)) return
    if (editor.gone) this.#lost.append(editor.node)
    else this.#replace(id, editor.node)
  }

  /** @param {string} id */
  #write(id) {
    const line = this.#lines.find((one) => one.id === id)
    if (!line?.final || !this.#state || this.#editor?.insists()) return
    this.#leave()
    this.#onBegin()
    this.#service.quiet()
    this.#pointer.hide()
    const editor = this.#begin(line)
    this.#renderEditor(this.#state)
    editor.open(this.#state.transcript.speakers)
  }

  /** @param {Segment} line */
  #begin(line) {
    const editor = new LineEditor(line, this.#service, () => {
      if (editor === this.#editor) this.#leave() // else its answer has come while another line is written
    })
    this.#editor = editor
    this.#replace(line.id, editor.node)
    return editor
  }

  /** Back to reading. */
  #leave() {
    const editor = this.#editor
    if (!editor) return
    const { activeElement: active } = document
    const here = editor.node.contains(active) || active === document.body // as after a button that was disabled
    this.#editor = null
    editor.node.remove()
    this.#replace(editor.line.id, null)
    if (here) this.#pointer.focus(editor.line.id)
  }

  /** @param {(selected: ReadonlySet<string>) => ReadonlySet<string>} change */
  #select(change) {
    if (!this.#state) return
    const next = change(this.#state.selected)
    if (next !== this.#state.selected) this.#service.select(next)
  }

  /** @param {ReadonlySet<string>} selected */
  #mark(selected) {
    if (selected === this.#marked) return
    for (const id of new Set([...selected, ...this.#marked])) {
      const line = this.#root.querySelector(`[data-segment="${CSS.escape(id)}"]`)
      line?.toggleAttribute('data-selected', selected.has(id))
    }
    if (selected.size === 0) this.#pointer.reset()
    this.#marked = selected
  }

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    if (!this.#state || !mayEdit(this.#state) || event.defaultPrevented || elsewhere()) return
    const { key, shiftKey } = event
    const command = (event.ctrlKey || event.metaKey) && !event.altKey
    if (key === 'Escape' && this.#state.selected.size) this.#service.select(new Set())
    else if (command && key.toLowerCase() === 'z' && !shiftKey) this.#service.undo()
    else if (command && (key.toLowerCase() === 'y' || (key.toLowerCase() === 'z' && shiftKey))) this.#service.redo()
    else return
    event.preventDefault()
  }
}

/** Whether somebody writes in a field, or a dialog is open: these have their own keys. */
function elsewhere() {
  const { activeElement: active } = document
  if (active?.closest('input, textarea, select, [contenteditable], dialog[open]')) return true
  return document.querySelector('dialog[open]') !== null
}
