// Large captions and nothing else, for a projector, a second screen or the picture of a streaming program.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'

/** @typedef {import('../../state/captions/captions.js').Caption} Caption */
/** @typedef {import('../../state/captions/captions.js').CaptionOptions} CaptionOptions */

/** @typedef {{ node: HTMLElement, name: HTMLElement, stable: HTMLElement, partial: HTMLElement }} Row */

export class CaptionsView {
  #lines = el('div', {
    class: 'caption-lines',
    role: 'log',
    'aria-label': t('captions.label'),
    'data-testid': 'captions',
  })
  #node
  /** @type {Map<string, Row>} by the key of the turn */
  #rows = new Map()

  /**
   * @param {HTMLElement} main
   * @param {CaptionOptions} options
   */
  constructor(main, { background, lines, look, size }) {
    this.#node = el('div', { class: 'captions', 'data-look': look }, this.#lines)
    this.#node.style.setProperty('--caption-size', `${size}px`)
    this.#node.style.setProperty('--caption-lines', `${lines}`)
    this.#root.style.setProperty('--caption-background', background)
    this.#root.classList.add('captioning')
    main.append(this.#node)
  }

  get #root() {
    return document.documentElement
  }

  close() {
    this.#root.classList.remove('captioning')
    this.#root.style.removeProperty('--caption-background')
  }

  /**
   * @param {readonly Caption[]} captions
   * @param {string} title of the meeting
   * @param {string} language of all that is said; empty where it may be any
   */
  render(captions, title, language) {
    document.title = title ? `${title} · ${t('captions.label')}` : t('captions.label')
    this.#lines.lang = language
    const keys = new Set(captions.map(({ key }) => key))
    for (const [key, { node }] of this.#rows) {
      if (keys.has(key)) continue
      node.remove()
      this.#rows.delete(key)
    }
    for (const caption of captions) this.#draw(caption)
  }

  /** @param {Caption} caption */
  #draw({ key, name, color, stable, partial }) {
    const row = this.#rows.get(key) ?? newRow()
    this.#rows.set(key, row)
    this.#lines.append(row.node)
    row.node.setAttribute('data-color', `${color}`)
    setText(row.name, name ? `${name}: ` : '')
    setText(row.stable, stable)
    setText(row.partial, partial && stable ? ` ${partial}` : partial)
  }

  /**
   * Says why there is nothing to show, in the place of captions.
   *
   * @param {string} text
   */
  tell(text) {
    this.render([{ key: '', name: '', color: '', stable: text, partial: '' }], '', '')
  }
}

/** @returns {Row} */
function newRow() {
  const [name, stable, partial] = [el('b'), el('span'), el('span', { class: 'caption-partial' })]
  return { node: el('p', {}, el('span', { class: 'caption' }, name, stable, partial)), name, stable, partial }
}
