// The sources of a meeting's sound: level, state and lag of each, and for hosts what mutes and removes it.

import { t } from '../../texts/texts.js'
import { el, sameFields, set, setText } from '../dom.js'

/** @typedef {import('../../state/sources/source-rows.js').SourceRow} SourceRow */

/**
 * @typedef {object} SourcesHandlers
 * @property {() => void} onList the list is to be shown, or no longer
 * @property {(row: SourceRow) => void} onMuteSource it is to be muted, or heard again
 * @property {(row: SourceRow) => void} onRemoveSource
 */

export class SourcesPanel {
  #handlers
  #list = el('ul', { class: 'source-list' })
  /** @type {Map<string, Row>} by id */
  #rows = new Map()
  node = el(
    'section',
    { class: 'sources-panel', id: 'sources', tabindex: -1, 'aria-label': t('sources.label'), 'data-testid': 'sources' },
    el('h2', {}, t('sources.label')),
    this.#list,
  )

  /** @param {SourcesHandlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers
  }

  /** @param {readonly SourceRow[] | null} rows null where the list is not shown */
  render(rows) {
    set(this.node, { hidden: !rows })
    if (!rows) return
    for (const [id, row] of this.#rows) {
      if (rows.some((shown) => shown.id === id)) continue
      // A button that had the focus takes it along.
      if (row.node.contains(document.activeElement)) this.node.focus()
      row.node.remove()
      this.#rows.delete(id)
    }
    for (const shown of rows) this.#row(shown.id).render(shown)
  }

  /** @param {string} id */
  #row(id) {
    const known = this.#rows.get(id)
    if (known) return known
    const row = new Row(id, this.#handlers)
    this.#rows.set(id, row)
    this.#list.append(row.node)
    return row
  }
}

class Row {
  #name = el('span', { class: 'source-name' })
  #own = el('span', { class: 'source-own' }, t('sources.own'))
  #kind = el('span')
  #state = el('span', { class: 'source-state' })
  #lag = el('span')
  #bar = el('i')
  #level = el(
    'div',
    { class: 'source-level', role: 'meter', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0 },
    this.#bar,
  )
  #mute
  #remove
  node
  /** @type {SourceRow | null} */
  #drawn = null

  /**
   * @param {string} id
   * @param {SourcesHandlers} handlers
   */
  constructor(id, { onMuteSource, onRemoveSource }) {
    this.#mute = rowButton('source-mute', () => this.#drawn && onMuteSource(this.#drawn))
    this.#remove = rowButton('source-remove', () => this.#drawn && onRemoveSource(this.#drawn))
    this.node = el(
      'li',
      { class: 'source', 'data-source': id },
      el(
        'div',
        { class: 'source-text' },
        el('div', { class: 'source-line' }, this.#name, this.#own),
        el('div', { class: 'source-facts' }, this.#state, this.#kind, this.#lag),
      ),
      this.#level,
      el('div', { class: 'source-buttons' }, this.#mute, this.#remove),
    )
  }

  /** @param {SourceRow} row */
  render(row) {
    if (sameFields(row, this.#drawn)) return
    this.#drawn = row
    const { name, kind, own, look, state, level, lag, muted, governed } = row
    this.node.setAttribute('data-look', look)
    setText(this.#name, name)
    set(this.#own, { hidden: !own })
    setText(this.#state, state)
    setText(this.#kind, kind)
    setText(this.#lag, lag)
    set(this.#lag, { hidden: !lag })
    this.#showLevel(name, level)
    set(this.#mute, { hidden: !governed })
    set(this.#remove, { hidden: !governed })
    setText(this.#mute, t(muted ? 'sources.unmute' : 'sources.mute'))
    this.#mute.setAttribute('aria-label', t(muted ? 'sources.unmute.name' : 'sources.mute.name', { name }))
    setText(this.#remove, t('sources.remove'))
    this.#remove.setAttribute('aria-label', t('sources.remove.name', { name }))
  }

  /**
   * @param {string} name
   * @param {number | null} level
   */
  #showLevel(name, level) {
    this.#level.setAttribute('aria-label', t('sources.level', { name }))
    this.#level.setAttribute('aria-valuenow', String(Math.round((level ?? 0) * 100)))
    this.#bar.style.setProperty('transform', `scaleX(${(level ?? 0).toFixed(3)})`)
  }
}

/**
 * @param {string} testid
 * @param {() => void} onclick
 */
const rowButton = (testid, onclick) =>
  el('button', { class: 'button small', type: 'button', 'data-testid': testid, onclick })
