// The search page: what is looked for, and what was found.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'
import { signInPage } from '../sign-in-page.js'
import { HitList } from './hit-list.js'
import { searchForm } from './search-form.js'

/** @typedef {import('../../state/library/search-state.js').SearchState} SearchState */
/** @typedef {import('../../state/library/search-state.js').Wanted} Wanted */
/** @typedef {import('../shell.js').Shell} Shell */

/**
 * What the page asks for.
 *
 * @typedef {object} SearchHandlers
 * @property {(wanted: Wanted) => void} onSearch
 * @property {() => void} onMore earlier lines
 * @property {(token: string) => Promise<string>} signIn
 */

export class SearchView {
  #shell
  #handlers
  #list
  #more
  #home
  #problem = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'search-problem' })
  #status = el('p', { class: 'search-status', 'data-testid': 'search-status' })
  #locked = false
  #goingOn = false // the button was pressed, and what follows is not there yet

  /**
   * @param {Shell} shell
   * @param {object} options
   * @param {string} options.home path of the first page
   * @param {(id: string, seconds: number) => string} options.pathOf path of a meeting's page at a moment
   * @param {SearchHandlers} options.handlers
   */
  constructor(shell, { home, pathOf, handlers }) {
    this.#shell = shell
    this.#handlers = handlers
    this.#home = home
    this.#list = new HitList(pathOf)
    const more = { class: 'button more', type: 'button', hidden: true, 'data-testid': 'more' }
    this.#more = el('button', { ...more, onclick: () => this.#goOn() }, t('search.more'))
  }

  #goOn() {
    this.#goingOn = true
    this.#handlers.onMore()
  }

  /** @param {SearchState} state */
  open({ wanted }) {
    const { actions, main } = this.#shell
    document.title = `${wanted.q || t('search.title')} · ${t('app.name')}`
    actions.append(el('a', { class: 'button', href: this.#home }, icon('back'), el('span', {}, t('meeting.all'))))
    const form = searchForm(wanted, this.#handlers.onSearch)
    const parts = [el('h1', {}, t('search.title')), form, this.#problem, this.#status, this.#list.node, this.#more]
    main.append(el('div', { class: 'search' }, ...parts))
  }

  /** @param {SearchState} state */
  render(state) {
    if (state.locked) {
      if (!this.#locked) this.#showLocked()
      this.#locked = true
      return
    }
    this.#problem.hidden = !state.problem
    setText(this.#problem, state.problem)
    const status = statusOf(state)
    setText(this.#status, status)
    if (!state.loading) setText(this.#shell.announcer, status)
    this.#more.hidden = !state.next
    this.#more.disabled = state.loading
    const first = this.#list.render(state.hits)
    if (state.loading) return
    if (this.#goingOn) first?.focus() // the button may be gone, and with it the place of whoever pressed it
    this.#goingOn = false
  }

  // All meetings are for those who hold the server's token.
  #showLocked() {
    const { main, reload } = this.#shell
    const { signIn } = this.#handlers
    main.replaceChildren(signInPage({ title: t('sign-in.title'), text: t('sign-in.why'), signIn, onDone: reload }))
  }
}

/** @param {SearchState} state */
function statusOf({ hits, loaded, loading, next }) {
  if (loading) return t('search.busy')
  if (!loaded) return ''
  if (hits.length === 0) return t('search.none')
  return t(next ? 'search.found.more' : 'search.found', { count: hits.length })
}
