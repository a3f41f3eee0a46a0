// Which line somebody means: by pointer, touch or keyboard. One line takes part in the order of the Tab key.
//
// A plain click on a word is left to whoever plays what was said; a line is written after a double click, Enter or F2
// on the line that has the focus, or the pencil beside it. Shift and the arrows, or a click with Shift or Ctrl, select.

import { t } from '../../texts/texts.js'
import { el, set } from '../dom.js'
import { icon } from '../icons.js'

const LINE = '.segment[data-final="true"]'
const INTENT = 150 // milliseconds on a line after which it is meant: on the way to the tools others are passed over

/**
 * @typedef {object} PointerHandlers
 * @property {(id: string) => void} onWrite
 * @property {(id: string) => void} onToggle
 * @property {(from: string, to: string) => void} onExtend
 * @property {() => boolean} selecting whether lines are selected: then a plain click selects, too
 */

export class LinePointer {
  #root
  #handlers
  /** @type {HTMLElement | null} that Tab leads to */
  #stop = null
  /** @type {HTMLElement | null} beside which the tools stand */
  #near = null
  #anchor = '' // from where a selection is extended
  /** @type {number | undefined} */
  #passing
  #edit
  #select
  tools

  /**
   * @param {HTMLElement} root that holds the lines
   * @param {PointerHandlers} handlers
   */
  constructor(root, handlers) {
    this.#root = root
    this.#handlers = handlers
    this.#edit = this.#tool('edit', 'pencil', (id) => handlers.onWrite(id))
    this.#select = this.#tool('select', 'check', (id) => this.#toggle(id))
    this.tools = el('div', { class: 'line-tools', hidden: true, 'data-testid': 'line-tools' }, this.#edit, this.#select)
    this.tools.addEventListener('pointerenter', () => clearTimeout(this.#passing))
    root.addEventListener('pointerover', (event) => this.#hover(event))
    root.addEventListener('focusin', (event) => this.#focus(event))
    root.addEventListener('click', (event) => this.#click(event), { capture: true })
    root.addEventListener('dblclick', (event) => this.#write(this.#lineAt(event.target)))
    root.addEventListener('keydown', (event) => this.#key(event))
  }

  /**
   * @param {'edit' | 'select'} name
   * @param {'pencil' | 'check'} shape
   * @param {(id: string) => void} act
   */
  #tool(name, shape, act) {
    const label = t(`edit.tool.${name}`)
    const onclick = () => this.#near && act(this.#near.dataset.segment ?? '')
    const attributes = { type: 'button', title: label, 'aria-label': label, 'data-testid': `line-tool-${name}` }
    // The keyboard has keys for both, and would have to come by here from the end of the page.
    return el('button', { class: 'line-tool', tabindex: -1, ...attributes, onclick }, icon(shape))
  }

  /** Called whenever lines were drawn, or may be changed no longer. @param {boolean} editable */
  render(editable) {
    if (!editable) this.hide()
    if (editable && this.#stop?.isConnected && this.#stop.matches(LINE)) return
    this.#stop?.removeAttribute('tabindex')
    this.#stop = editable ? this.#root.querySelector(LINE) : null
    this.#stop?.setAttribute('tabindex', '0')
  }

  /** Nothing is selected any more. */
  reset() {
    this.#anchor = ''
  }

  /** The tools stand where their line is now. */
  follow() {
    if (this.#near?.isConnected && this.#near.matches(LINE)) this.#show(this.#near)
    else this.hide()
  }

  hide() {
    clearTimeout(this.#passing)
    this.#near = null
    set(this.tools, { hidden: true })
  }

  /** @param {string} id of a line that gets the focus */
  focus(id) {
    this.#moveTo(this.#root.querySelector(`${LINE}[data-segment="${CSS.escape(id)}"]`))
  }

  get #editable() {
    return this.#stop !== null
  }

  /**
   * @param {EventTarget | null} target
   * @returns {HTMLElement | null}
   */
  #lineAt(target) {
    return this.#editable && target instanceof Element ? target.closest(LINE) : null
  }

  /** @param {PointerEvent} event */
  #hover({ target, pointerType }) {
    clearTimeout(this.#passing)
    const line = this.#lineAt(target)
    if (line && pointerType !== 'touch') this.#passing = setTimeout(() => this.#show(line), this.#near ? INTENT : 0)
  }

  /** @param {FocusEvent} event */
  #focus({ target }) {
    const line = this.#lineAt(target)
    if (!line) return
    this.#makeStop(line)
    this.#show(line)
  }

  /** @param {HTMLElement} line */
  #show(line) {
    clearTimeout(this.#passing)
    this.#near = line
    set(this.tools, { hidden: false })
    const first = line.getClientRects()[0]
    const frame = this.tools.offsetParent?.getBoundingClientRect()
    const text = line.parentElement?.getBoundingClientRect()
    const turn = line.closest('article')?.getBoundingClientRect()
    if (!first || !frame || !text || !turn) return
    // They cover no words: beside the text where there is room, else beside the name above it.
    const { offsetWidth: width, offsetHeight: height } = this.tools
    const beside = frame.right - text.right >= width
    const top = beside ? first.top + (first.height - height) / 2 : turn.top
    this.tools.style.left = `${beside ? text.right - frame.left : frame.width - width}px`
    this.tools.style.top = `${top - frame.top}px`
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const line = this.#lineAt(event.target)
    if (!line) return
    const { shiftKey, ctrlKey, metaKey } = event
    this.#makeStop(line)
    this.#show(line)
    if (!shiftKey && !ctrlKey && !metaKey && !this.#handlers.selecting()) {
      if (getSelection()?.isCollapsed) line.focus({ preventScroll: true })
      this.#anchor = line.dataset.segment ?? ''
      return
    }
    event.stopPropagation()
    event.preventDefault()
    getSelection()?.removeAllRanges()
    const id = line.dataset.segment ?? ''
    if (shiftKey) this.#extend(this.#anchor || id, id)
    else this.#toggle(id)
  }

  /** @param {string} id */
  #toggle(id) {
    this.#anchor = id
    this.#handlers.onToggle(id)
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  #extend(from, to) {
    this.#anchor = from
    this.#handlers.onExtend(from, to)
  }

  /** @param {HTMLElement | null} line */
  #write(line) {
    if (line && !this.#handlers.selecting()) this.#handlers.onWrite(line.dataset.segment ?? '')
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const line = event.target instanceof HTMLElement && event.target.matches(LINE) ? event.target : null
    if (!line || !this.#editable || event.ctrlKey || event.metaKey || event.altKey) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === 'Enter' || event.key === 'F2') this.#handlers.onWrite(line.dataset.segment ?? '')
    else if (event.key === 'x') this.#toggle(line.dataset.segment ?? '')
    else if (step) this.#step(line, step, event.shiftKey)
    else return
    event.preventDefault()
  }

  /**
   * @param {HTMLElement} line
   * @param {number} step
   * @param {boolean} select
   */
  #step(line, step, select) {
    const lines = /** @type {HTMLElement[]} */ ([...this.#root.querySelectorAll(LINE)])
    const next = lines[lines.indexOf(line) + step]
    if (!next) return
    if (select) this.#extend(this.#anchor || (line.dataset.segment ?? ''), next.dataset.segment ?? '')
    this.#moveTo(next)
  }

  /** @param {HTMLElement | null} line */
  #moveTo(line) {
    if (!line) return
    this.#makeStop(line)
    line.focus()
    line.scrollIntoView({ block: 'nearest' })
  }

  /** @param {HTMLElement} line */
  #makeStop(line) {
    if (line === this.#stop) return
    this.#stop?.removeAttribute('tabindex')
    this.#stop = line
    line.setAttribute('tabindex', '0')
  }
}
