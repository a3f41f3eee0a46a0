// The search page: looks through all meetings for what its address asks for.

import * as api from '../../net/api.js'
import { home, momentPath, search } from '../../net/urls.js'
import { wantsMore } from '../../state/library/list-pages.js'
import * as searching from '../../state/library/search-state.js'
import { t } from '../../texts/texts.js'
import { SearchView } from '../../view/search/search-view.js'
import { PageStore } from '../page-store.js'
import { signIn } from '../sign-in.js'

/** @typedef {import('../page.js').PageShell} PageShell */

export class SearchPage {
  #shell
  #view
  #store
  #count // lines that were found when the page was left

  /**
   * @param {PageShell} shell
   * @param {string} query of the address, from its question mark on
   * @param {{ count: number } | null} held of the page that is shown again
   */
  constructor(shell, query, held) {
    this.#shell = shell
    this.#count = held?.count ?? 0
    this.#view = this.#newView()
    this.#store = new PageStore(searching.openedSearch(searching.wantedOf(query)), (state) => this.#view.render(state))
  }

  #newView() {
    return new SearchView(this.#shell, {
      home,
      pathOf: momentPath,
      handlers: {
        onSearch: (wanted) => this.#shell.go(search + searching.addressQuery(wanted)),
        onMore: () => this.#load(),
        signIn,
      },
    })
  }

  mount() {
    this.#view.open(this.#store.state)
    const { wanted } = this.#store.state
    if (wanted.q) this.#loadAgain()
    else if (searching.addressQuery(wanted)) this.#store.set({ problem: t('search.nothing') })
  }

  unmount() {
    this.#store.close()
  }

  keep() {
    const { hits, locked } = this.#store.state
    return locked ? null : { count: hits.length }
  }

  redraw() {
    this.#view = this.#newView()
    this.#view.open(this.#store.state)
    this.#store.draw()
  }

  async #loadAgain() {
    const wants = () => {
      const { closed, state } = this.#store
      return !closed && wantsMore(state, state.hits.length, this.#count)
    }
    do await this.#load()
    while (wants())
  }

  async #load() {
    this.#store.set({ loading: true })
    try {
      const page = await this.#nextHits()
      this.#store.update((state) => searching.hitsLoaded(state, page))
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.update((state) => searching.searchFailed(state, t('search.failed', { why: error.message })))
    }
  }

  // A page of the server's may be empty, though others follow it: it looks at so many lines at once and at no more.
  async #nextHits() {
    const { wanted } = this.#store.state
    let page = await api.search(searching.apiQuery(wanted, this.#store.state.next))
    while (page.hits.length === 0 && page.next !== null && !this.#store.closed) {
      page = await api.search(searching.apiQuery(wanted, page.next))
    }
    return page
  }
}
