// What a host changes by hand on a meeting's page, each change so that it can be taken back.

import * as api from '../../net/edits-api.js'
import { afterRedo, afterUndo, forgotten, withChange } from '../../state/editing/edit-history.js'
import { t } from '../../texts/texts.js'

/** @typedef {import('../../net/api.js').ApiError} ApiError */
/** @typedef {import('../../net/edits-api.js').Changed} Changed */
/** @typedef {import('../../state/editing/draft.js').Voice} Voice */
/** @typedef {import('../../state/editing/edit-history.js').History} History */
/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/wire-messages.js').Segment} Segment */
/** @typedef {import('../../state/wire-messages.js').ServerMessage} ServerMessage */

const LOST = new Set(['not_found', 'outdated']) // codes of errors after which a change cannot be taken back any more
const MOST_LINES = 500 // that the server gives to a voice at once

export class PageEditing {
  #id
  #store
  /** @type {(message: ServerMessage) => void} */
  #receive
  #busy = false // while a change is being taken back

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   * @param {(message: ServerMessage) => void} receive takes what the server answers
   */
  constructor(id, store, receive) {
    this.#id = id
    this.#store = store
    this.#receive = receive
  }

  /**
   * Several changes that are taken back as one.
   *
   * @param {string} text what is said of them
   */
  group(text) {
    /** @type {string[]} */
    const changes = []
    return async (/** @type {Promise<Changed>} */ asked) => {
      const change = this.#take(await asked)
      changes.push(change)
      if (changes.length > 1) this.#history((history) => ({ ...history, done: history.done.slice(0, -1) }))
      this.#history((history) => withChange(history, { changes: [...changes], text }))
    }
  }

  /**
   * What a line reads, and who said it.
   *
   * @param {Segment} line
   * @param {{ text?: string, voice?: Voice }} changes
   */
  async save(line, { text, voice }) {
    const did = this.group(t('edit.done.line'))
    let { rev } = line
    const old = voice && 'speaker' in voice ? voice : null
    if (text !== undefined || old) {
      const written = text === undefined ? {} : { text }
      await did(api.editSegment(this.#id, line.id, { rev, ...written, ...old }))
      rev = this.#store.state.transcript.segments.get(line.id)?.rev ?? rev
    }
    if (voice && !old) await did(api.giveSegments(this.#id, [{ id: line.id, rev }], voice))
  }

  /**
   * @param {Segment} line
   * @param {string[]} texts
   */
  split(line, texts) {
    return this.group(t('edit.done.split'))(api.splitSegment(this.#id, line.id, { rev: line.rev, texts }))
  }

  /**
   * @param {Segment} line
   * @param {Segment} next
   * @param {string} [text] what the first one reads, where that was changed before
   */
  async join(line, next, text) {
    const did = this.group(t('edit.done.join'))
    let { rev } = line
    if (text !== undefined) {
      await did(api.editSegment(this.#id, line.id, { rev, text }))
      rev = this.#store.state.transcript.segments.get(line.id)?.rev ?? rev
    }
    await did(api.joinSegments(this.#id, line.id, { rev, next: next.id, next_rev: next.rev }))
  }

  /**
   * All of the lines or none: where the server refuses one, those that were given before it are taken back.
   *
   * @param {readonly Segment[]} lines
   * @param {Voice} voice
   */
  async give(lines, voice) {
    const text = t('edit.done.given', { count: lines.length })
    /** @type {string[]} */
    const changes = []
    const made = () => this.#history((history) => withChange(history, { changes, text }))
    let to = voice
    try {
      for (let at = 0; at < lines.length; at += MOST_LINES) {
        const seen = lines.slice(at, at + MOST_LINES).map(({ id, rev }) => ({ id, rev }))
        const changed = await api.giveSegments(this.#id, seen, to)
        changes.push(this.#take(changed))
        to = { speaker: changed.segments[0].speaker } // the first ones have made the voice, where it is a new one
      }
    } catch (error) {
      if (changes.length) await this.#undoAll(changes).catch(made)
      throw error
    }
    made()
  }

  /**
   * A line as the server has it now, and what was recognised where somebody has written another text.
   *
   * @param {string} line
   */
  async read(line) {
    const { recognised_text: recognised, ...segment } = await api.getSegment(this.#id, line)
    this.#receive(segment)
    return recognised
  }

  undo() {
    return this.#back('done', (history, changes) => afterUndo(history, changes, t('edit.undone')))
  }

  redo() {
    return this.#back('undone', afterRedo)
  }

  /** What was said of the last change was read. */
  quiet() {
    this.say('')
  }

  /** @param {string} said about a change, beside the way back of the last one */
  say(said) {
    this.#history((history) => ({ ...history, said }))
  }

  /** @param {import('../../state/editing/selection.js').Selection} selected */
  select(selected) {
    this.#store.set({ selected })
  }

  /**
   * @param {'done' | 'undone'} which
   * @param {(history: History, changes: string[]) => History} after
   */
  async #back(which, after) {
    const last = this.#store.state.edits[which].at(-1)
    if (!last || this.#busy) return
    this.#busy = true
    try {
      const changes = await this.#undoAll(last.changes)
      this.#history((history) => after(history, changes))
    } catch (error) {
      this.#refused(which, /** @type {ApiError} */ (error))
    }
    this.#busy = false
  }

  /**
   * @param {readonly string[]} changes in the order in which they were made
   * @returns {Promise<string[]>} those that take this back, in the order in which they were made
   */
  async #undoAll(changes) {
    /** @type {string[]} */
    const undone = []
    for (const change of [...changes].reverse()) undone.push(this.#take(await api.undoChange(this.#id, change)))
    return undone
  }

  /**
   * @param {'done' | 'undone'} which
   * @param {ApiError} error
   */
  #refused(which, { code, message }) {
    const lost = LOST.has(code)
    const said = lost ? t('edit.undo.refused') : t('edit.undo.failed', { why: message })
    this.#history((history) => ({ ...(lost ? forgotten(history, which) : history), said }))
  }

  /**
   * @param {Changed} changed
   * @returns {string}
   */
  #take({ segments, speakers, change }) {
    speakers.forEach(this.#receive)
    segments.forEach(this.#receive)
    return change
  }

  /** @param {(history: History) => History} change */
  #history(change) {
    if (!this.#store.closed) this.#store.update((state) => ({ ...state, edits: change(state.edits) }))
  }
}
