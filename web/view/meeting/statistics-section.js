// Who spoke how much: a table with bars, and how the time of the meeting was spent; loaded when somebody opens it.

import { clock, length, speakerColor, speakerName } from '../../state/format.js'
import { number, percent, t } from '../../texts/texts.js'
import { el, set } from '../dom.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */
/** @typedef {import('../../state/wire-messages.js').Statistics} Statistics */

export class StatisticsSection {
  #body = el('div', { class: 'statistics-body' })
  #drawn = { statistics: /** @type {Statistics | null} */ (null), speakers: /** @type {Speakers | null} */ (null) }
  node

  /** @param {() => void} onOpen */
  constructor(onOpen) {
    const summary = el('summary', {}, t('statistics.title'))
    this.node = el('details', { class: 'statistics', 'data-testid': 'statistics', hidden: true }, summary, this.#body)
    this.node.addEventListener('toggle', () => {
      if (this.node.open) onOpen()
    })
  }

  /** @param {PageState} state */
  render({ statistics, transcript: { phase, segments, speakers } }) {
    set(this.node, { hidden: segments.size === 0 || phase === 'connecting' })
    if (statistics === this.#drawn.statistics && speakers === this.#drawn.speakers) return
    this.#drawn = { statistics, speakers }
    if (statistics) this.#body.replaceChildren(table(statistics, speakers), ...spentTime(statistics))
  }
}

/**
 * @param {Statistics} statistics
 * @param {Speakers} speakers
 */
function table({ speakers: rows }, speakers) {
  const columns = ['speaker', 'talk-time', 'turns', 'words', 'pace']
  const most = Math.max(...rows.map(({ share }) => share), 0.001)
  return el(
    'table',
    {},
    el('thead', {}, el('tr', {}, ...columns.map((name) => el('th', { scope: 'col' }, t(`statistics.${name}`))))),
    el('tbody', {}, ...rows.map((row) => tableRow(row, most, speakers))),
  )
}

/**
 * @param {import('../../state/wire-messages.js').SpeakerStatistics} row
 * @param {number} most the largest share
 * @param {Speakers} speakers
 */
function tableRow({ speaker, seconds, share, turns, words, words_per_minute: pace }, most, speakers) {
  const bar = el('span', { class: 'statistics-bar' })
  bar.style.width = `${((share / most) * 100).toFixed(1)}%`
  const said = `${clock(seconds)} (${percent(share)})`
  return el(
    'tr',
    { 'data-speaker': speaker ?? '', 'data-color': speakerColor(speaker, speakers) },
    el('th', { scope: 'row' }, speakerName(speaker, speakers)),
    el('td', { class: 'statistics-talk' }, bar, el('span', {}, said)),
    ...[turns, words, Math.round(pace)].map((value) => el('td', {}, number(value))),
  )
}

/**
 * @param {Statistics} statistics
 */
function spentTime({ duration, overlap, silence, missing }) {
  const one = Math.max(0, duration - overlap - silence - missing)
  const parts = Object.entries({ one, overlap, silence, missing }).filter(([, seconds]) => seconds >= 0.5)
  const pieces = parts.map(([name, seconds]) => {
    const piece = el('span', { 'data-part': name })
    piece.style.flexGrow = String(seconds)
    return piece
  })
  const items = parts.map(([name, seconds]) => {
    const told = `${t(`statistics.${name}`)}: ${length(seconds)} (${percent(seconds / duration)})`
    return el('li', { 'data-part': name }, told)
  })
  return [
    el('h3', {}, t('statistics.time')),
    el('div', { class: 'statistics-time', 'aria-hidden': 'true' }, ...pieces),
    el('ul', { class: 'statistics-parts' }, ...items),
  ]
}
