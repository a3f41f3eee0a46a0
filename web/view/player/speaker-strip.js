// A picture of the meeting, a lane for each speaker, that is also the slider with which one goes to another second.

import { clock, speakerColor, speakerName } from '../../state/format.js'
import { STEP } from '../../state/playback/playback.js'
import { speakingAt, toLanes } from '../../state/playback/strip.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @typedef {import('../../state/playback/strip.js').Lane} Lane */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */
/** @typedef {import('../../state/turns.js').Block} Block */

/**
 * @typedef {object} ShownStrip
 * @property {number} position second
 * @property {number} length seconds
 * @property {readonly Block[]} blocks
 * @property {Speakers} speakers
 * @property {boolean} live whether it still grows
 */

const SVG = 'http://www.w3.org/2000/svg'
const PAGE_STEP = 60 // seconds
const PAUSE = 1000 // milliseconds between two pictures of a meeting that grows

export class SpeakerStrip {
  #onSeek
  #picture = document.createElementNS(SVG, 'svg')
  #cursor = el('div', { class: 'strip-cursor' })
  /** @type {ShownStrip | null} */
  #shown = null
  /** @type {{ blocks: readonly Block[], speakers: Speakers, length: number, at: number } | null} */
  #drawn = null
  /** @type {Lane[]} */
  #lanes = []
  node

  /** @param {(second: number) => void} onSeek */
  constructor(onSeek) {
    this.#onSeek = onSeek
    this.#picture.setAttribute('preserveAspectRatio', 'none')
    this.#picture.setAttribute('aria-hidden', 'true')
    const role = { role: 'slider', tabindex: 0, 'aria-label': t('player.position'), 'aria-valuemin': 0 }
    this.node = el('div', { class: 'strip', 'data-testid': 'player-strip', ...role }, this.#picture, this.#cursor)
    this.node.addEventListener('keydown', (event) => this.#pressed(event))
    this.node.addEventListener('pointerdown', (event) => this.#grabbed(event))
    this.node.addEventListener('pointermove', (event) => {
      if (this.node.hasPointerCapture(event.pointerId)) this.#seekTo(event.clientX)
    })
  }

  /** @param {ShownStrip} shown */
  render(shown) {
    const { position, length, speakers } = shown
    this.#shown = shown
    if (this.#isOld(shown)) this.#draw(shown)
    const share = length > 0 ? Math.min(1, position / length) : 0
    this.#cursor.style.left = `${(share * 100).toFixed(3)}%`
    const names = speakingAt(this.#lanes, position).map((id) => speakerName(id, speakers))
    const time = t('player.position.at', { time: clock(position), length: clock(length) })
    this.#tell('aria-valuetext', [time, ...names].join(', '))
    this.#tell('aria-valuenow', String(Math.floor(position)))
    this.#tell('aria-valuemax', String(Math.ceil(length)))
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #tell(name, value) {
    if (this.node.getAttribute(name) !== value) this.node.setAttribute(name, value)
  }

  /** @param {ShownStrip} shown */
  #isOld({ blocks, speakers, length, live }) {
    const drawn = this.#drawn
    if (!drawn) return true
    const same = drawn.blocks === blocks && drawn.speakers === speakers && drawn.length === length
    return !same && (!live || performance.now() - drawn.at > PAUSE)
  }

  /** @param {ShownStrip} shown */
  #draw({ blocks, speakers, length }) {
    this.#drawn = { blocks, speakers, length, at: performance.now() }
    this.#lanes = toLanes(blocks)
    this.#picture.setAttribute('viewBox', `0 0 ${Math.max(1, length)} ${Math.max(1, this.#lanes.length)}`)
    const least = length / 400 // what is shorter could not be seen
    const paths = this.#lanes.map(({ speaker, spans }, row) => {
      const path = document.createElementNS(SVG, 'path')
      const boxes = spans.map(([start, end]) => `M${start} ${row + 0.08}h${Math.max(least, end - start)}v.84H${start}Z`)
      path.setAttribute('d', boxes.join(''))
      path.setAttribute('data-color', String(speakerColor(speaker, speakers)))
      return path
    })
    this.#picture.replaceChildren(...paths)
    this.node.setAttribute('data-lanes', String(Math.min(6, this.#lanes.length)))
  }

  /** @param {PointerEvent} event */
  #grabbed(event) {
    if (event.button !== 0) return
    this.node.setPointerCapture(event.pointerId)
    this.#seekTo(event.clientX)
  }

  /** @param {number} x */
  #seekTo(x) {
    const { left, width } = this.node.getBoundingClientRect()
    const share = width > 0 ? Math.max(0, Math.min(1, (x - left) / width)) : 0
    this.#onSeek(share * (this.#shown?.length ?? 0))
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.#shown) return
    const { position, length } = this.#shown
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: position - STEP,
      ArrowDown: position - STEP,
      ArrowRight: position + STEP,
      ArrowUp: position + STEP,
      PageDown: position - PAGE_STEP,
      PageUp: position + PAGE_STEP,
      Home: 0,
      End: length,
    }
    if (!Object.hasOwn(targets, event.key)) return
    event.preventDefault()
    this.#onSeek(targets[event.key])
  }
}
