// Buttons that play short parts of a meeting in which one voice is heard.

import { clock } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {{ start: number, end: number }} Excerpt  seconds */

/**
 * @typedef {object} Listen
 * @property {(part: Excerpt, onOver: () => void) => void} play in the place of what is being played
 * @property {() => void} stop
 */

export class ExcerptButtons {
  #listen
  /** @type {number | null} which one is being played */
  #playing = null
  #buttons
  node

  /**
   * @param {readonly Excerpt[]} excerpts
   * @param {Listen} listen
   */
  constructor(excerpts, listen) {
    this.#listen = listen
    this.#buttons = excerpts.map((excerpt, i) => {
      const attributes = { class: 'button', type: 'button', 'data-testid': 'excerpt' }
      return el('button', { ...attributes, onclick: () => this.#pressed(excerpt, i) })
    })
    excerpts.forEach((excerpt, i) => this.#label(excerpt, i))
    const label = { role: 'group', 'aria-label': t('player.excerpts') }
    const text = el('span', { 'aria-hidden': 'true' }, t('player.excerpts'))
    this.node = el('div', { class: 'excerpts', hidden: excerpts.length === 0, ...label }, text, ...this.#buttons)
  }

  /**
   * @param {Excerpt} excerpt
   * @param {number} i
   */
  #pressed(excerpt, i) {
    if (this.#playing === i) {
      this.#listen.stop()
      return
    }
    this.#listen.play(excerpt, () => {
      this.#playing = null
      this.#label(excerpt, i)
    })
    this.#playing = i
    this.#label(excerpt, i)
  }

  /**
   * @param {Excerpt} excerpt
   * @param {number} i
   */
  #label({ start }, i) {
    const button = this.#buttons[i]
    const playing = this.#playing === i
    const [time, number] = [clock(start), i + 1]
    button.setAttribute('aria-label', t(playing ? 'player.excerpt.stop' : 'player.excerpt', { number, time }))
    button.replaceChildren(icon(playing ? 'pause' : 'play'), time)
  }
}
