// The lines that were found, those of a meeting that follow each other under its title.

import { clock, day, listedName } from '../../state/format.js'
import { excerptParts } from '../../state/library/search-state.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @typedef {import('../../state/library/search-state.js').Hit} Hit */

export class HitList {
  #pathOf
  node = el('div', { class: 'hits', 'data-testid': 'hits' })
  #drawn = 0
  /** @type {string | null} the meeting of the last line */
  #meeting = null
  #list = el('ol')

  /** @param {(id: string, seconds: number) => string} pathOf path of a meeting's page at a moment */
  constructor(pathOf) {
    this.#pathOf = pathOf
  }

  /**
   * Draws those that were not there before; the first of these is returned, if there is one.
   *
   * @param {readonly Hit[]} hits
   * @returns {HTMLElement | null}
   */
  render(hits) {
    const links = hits.slice(this.#drawn).map((hit) => this.#add(hit))
    this.#drawn = hits.length
    return links[0] ?? null
  }

  /** @param {Hit} hit */
  #add(hit) {
    const { meeting, start, speaker, speaker_name: name } = hit
    if (meeting !== this.#meeting) this.#begin(hit)
    const marked = excerptParts(hit).map(({ text, found }) => (found ? el('mark', {}, text) : text))
    const who = speaker === null ? t('speaker.unknown') : listedName(name)
    const link = el(
      'a',
      { class: 'hit', href: this.#pathOf(meeting, start), 'data-testid': 'hit' },
      el('span', { class: 'turn-time' }, clock(start)),
      el('span', { class: 'hit-words' }, el('b', {}, who), ' ', el('span', {}, ...marked)),
    )
    this.#list.append(el('li', {}, link))
    return link
  }

  /** @param {Hit} hit */
  #begin({ meeting, title, began }) {
    this.#meeting = meeting
    this.#list = el('ol')
    const heading = el('h2', {}, title || t('meeting.untitled'), ' ', el('span', {}, day(began, new Date())))
    this.node.append(el('section', {}, heading, this.#list))
  }
}
