// Recordings on the first page: files are chosen or dropped, and each is followed until it is a meeting.

import { jobRows } from '../../state/jobs/jobs.js'
import { t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, set, setText } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../../state/jobs/jobs.js').JobRow} JobRow */
/** @typedef {import('../../state/jobs/jobs.js').JobsState} JobsState */

/**
 * @typedef {object} JobHandlers
 * @property {(files: File[]) => void} onFiles
 * @property {(row: JobRow) => void} onCancel
 * @property {(id: string) => string} pathOf path of a meeting's page
 */

export class JobList {
  #handlers
  #input
  #rows = new Map()
  #closing = new AbortController()
  #list = el('ul', { class: 'jobs', 'data-testid': 'jobs' })
  /** The button that chooses files. */
  button
  node

  /** @param {JobHandlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers
    this.#input = el('input', {
      type: 'file',
      accept: 'audio/*,video/*',
      multiple: true,
      hidden: true,
      'data-testid': 'recording-file',
      onchange: () => this.#chosen(),
    })
    const look = { testid: 'recording', label: t('jobs.choose'), look: 'big', shape: /** @type {const} */ ('upload') }
    this.button = new Button({ ...look, onPress: () => this.#input.click() }).node
    const title = el('h2', { id: 'jobs-title' }, t('jobs.title'))
    this.node = el('section', { class: 'recordings', 'aria-labelledby': 'jobs-title', hidden: true }, title, this.#list)
    this.node.append(this.#input)
  }

  /**
   * Takes files that are dropped anywhere on the page, while it shows an element, which is marked meanwhile.
   *
   * @param {HTMLElement} shown
   */
  takeDrops(shown) {
    const { signal } = this.#closing
    const over = (/** @type {DragEvent} */ event) => {
      if (event.dataTransfer?.items[0]?.kind !== 'file' || !shown.isConnected) return
      event.preventDefault()
      shown.classList.toggle('dropping', event.type === 'dragover')
    }
    document.addEventListener('dragover', over, { signal })
    document.addEventListener('dragleave', () => shown.classList.remove('dropping'), { signal })
    document.addEventListener(
      'drop',
      (event) => {
        over(event)
        const files = event.defaultPrevented ? [...(event.dataTransfer?.files ?? [])] : []
        if (files.length) this.#handlers.onFiles(files)
      },
      { signal },
    )
  }

  /** Takes no files any more. */
  close() {
    this.#closing.abort()
  }

  /** @param {JobsState} state */
  render(state) {
    const rows = jobRows(state)
    this.node.hidden = rows.length === 0
    for (const key of this.#rows.keys()) if (!rows.some((row) => row.key === key)) this.#remove(key)
    for (const row of rows) {
      if (!this.#rows.has(row.key)) this.#rows.set(row.key, new JobLine(row, this.#handlers))
      this.#rows.get(row.key).render(row)
    }
    if (this.#list.childElementCount !== rows.length) {
      this.#list.replaceChildren(...rows.map(({ key }) => this.#rows.get(key).node))
    }
  }

  /** @param {string} key */
  #remove(key) {
    const { node } = this.#rows.get(key)
    const next = node.contains(document.activeElement) ? node.nextElementSibling ?? node.previousElementSibling : null
    node.remove()
    this.#rows.delete(key)
    if (next) next.querySelector('button')?.focus()
  }

  #chosen() {
    const files = [...(this.#input.files ?? [])]
    this.#input.value = '' // so that the same file can be chosen again
    if (files.length) this.#handlers.onFiles(files)
  }
}

class JobLine {
  #row
  #title = el('a', { class: 'job-title' })
  #bar = el('progress', { max: 1 })
  #text = el('p', { class: 'job-text' })
  #cancel
  node
  #pathOf

  /**
   * @param {JobRow} row
   * @param {JobHandlers} handlers
   */
  constructor(row, { onCancel, pathOf }) {
    this.#row = row
    this.#pathOf = pathOf
    const look = { class: 'button icon-only quiet', type: 'button', 'data-testid': 'job-cancel' }
    this.#cancel = el('button', { ...look, onclick: () => onCancel(this.#row) }, icon('cross'))
    const words = el('div', { class: 'row-words' }, this.#title, this.#bar, this.#text)
    this.node = el('li', { class: 'job', 'data-job': row.key }, words, this.#cancel)
  }

  /** @param {JobRow} row */
  render(row) {
    const { title, meeting, share, text, look } = row
    this.#row = row
    this.node.dataset.look = look
    setText(this.#title, title)
    if (meeting) this.#title.setAttribute('href', this.#pathOf(meeting))
    this.#bar.setAttribute('aria-label', title)
    set(this.#bar, { hidden: look !== 'going' })
    if (share === null) this.#bar.removeAttribute('value')
    else this.#bar.setAttribute('value', String(share)) // the property is 0 also where there is none
    setText(this.#text, text)
    this.#cancel.setAttribute('aria-label', t(look === 'going' ? 'jobs.cancel' : 'jobs.dismiss', { title }))
  }
}
