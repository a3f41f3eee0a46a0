// The notes of a meeting that is over: where text goes, how far they are, and the sentences with their lines.

import { clock, listedName } from '../../state/format.js'
import { madeNotesText } from '../../state/messages.js'
import { spoken, t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, set, setText } from '../dom.js'

/** @typedef {import('../../state/selectors.js').NotesPanel} NotesPanel */
/** @typedef {import('../../state/wire-messages.js').MadeNotes} MadeNotes */
/** @typedef {import('../../state/wire-messages.js').Statement} Statement */
/** @typedef {(id: string) => void} OnLine  the time of a line was pressed */

const TITLES = { summary: 'notes.summary', decisions: 'notes.decisions', actions: 'notes.actions' }

export class NotesSection {
  #onLine
  #make
  #remove
  #where = el('p', { class: 'notes-fact', 'data-testid': 'notes-where' })
  #progress = el('p', { class: 'notes-progress', role: 'status', 'data-testid': 'notes-progress' })
  #problem = el('p', { class: 'notes-problem', role: 'alert', 'data-testid': 'notes-problem' })
  #made = el('p', { class: 'notes-fact', 'data-testid': 'notes-made' })
  #parts = el('div', { class: 'notes-parts' })
  #doubt = el('p', { class: 'notes-fact', hidden: true }, t('notes.doubtful.text'))
  #drawn = '' // when the notes were made that are drawn
  node

  /**
   * @param {object} handlers
   * @param {() => void} handlers.onNotes
   * @param {() => void} handlers.onNotesDelete
   * @param {OnLine} onLine
   */
  constructor({ onNotes, onNotesDelete }, onLine) {
    this.#onLine = onLine
    this.#make = new Button({ testid: 'notes-make', shape: 'notes', label: '', onPress: onNotes })
    const quiet = { class: 'button quiet', type: 'button', 'data-testid': 'notes-delete', onclick: onNotesDelete }
    this.#remove = el('button', quiet)
    const buttons = el('div', { class: 'notes-buttons' }, this.#make.node, this.#remove)
    this.node = el(
      'section',
      { class: 'notes', 'aria-labelledby': 'notes-title', 'data-testid': 'notes', hidden: true },
      el('div', { class: 'notes-head' }, el('h2', { id: 'notes-title' }, t('notes.title')), buttons),
      this.#progress,
      this.#problem,
      this.#parts,
      this.#doubt,
      this.#made,
      this.#where,
    )
  }

  /** @param {NotesPanel | null} panel */
  render(panel) {
    set(this.node, { hidden: panel === null })
    if (!panel) return
    const { made, lang, outdated, problem, progress, where, make, remove } = panel
    set(this.#make.node, { hidden: !make })
    set(this.#remove, { hidden: !remove })
    this.#make.label = make
    setText(this.#remove, remove)
    set(this.#parts, { lang })
    setText(this.#where, where)
    setText(this.#progress, progress)
    setText(this.#problem, problem)
    setText(this.#made, made ? madeNotesText(made, outdated) : '')
    if ((made?.made_at ?? '') !== this.#drawn) this.#draw(made)
  }

  /** @param {MadeNotes | null} made */
  #draw(made) {
    this.#drawn = made?.made_at ?? ''
    const parts = made ? /** @type {const} */ (['summary', 'decisions', 'actions']) : []
    this.#parts.replaceChildren(...parts.flatMap((part) => (made ? this.#part(t(TITLES[part]), made[part]) : [])))
    this.#doubt.hidden = !made || ![...made.summary, ...made.decisions, ...made.actions].some((one) => one.doubtful)
  }

  /**
   * @param {string} title
   * @param {Statement[]} statements
   */
  #part(title, statements) {
    const items = statements.map((statement) => this.#statement(statement))
    const nothing = el('p', { class: 'notes-fact', lang: spoken() }, t('notes.none'))
    const list = items.length ? el('ul', {}, ...items) : nothing
    return [el('h3', { lang: spoken() }, title), list]
  }

  /** @param {Statement} statement */
  #statement({ text, lines, doubtful, who, when }) {
    const due = [listedName(who ?? ''), when].filter(Boolean).join(', ')
    const links = lines.map(({ id, start }) => {
      const time = clock(start)
      const label = { class: 'noted-line', type: 'button', 'aria-label': t('notes.line', { time }), 'data-line': id }
      return el('button', { ...label, onclick: () => this.#onLine(id) }, time)
    })
    const meaning = { class: 'doubtful', title: t('notes.doubtful.text') }
    const mark = doubtful ? el('span', meaning, t('notes.doubtful')) : null
    const behind = el('span', { class: 'statement-lines', lang: spoken() }, mark, ...links)
    return el(
      'li',
      { class: 'statement', dir: 'auto', 'data-doubtful': doubtful },
      due ? el('strong', {}, `${due}: `) : null,
      `${text} `,
      behind,
    )
  }
}
