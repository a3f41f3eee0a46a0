// The list of a meeting's sources on its page, and what a host does with one.

import { muteSource, removeSource } from '../../net/sources-api.js'
import { say, unsay } from '../../state/page-state.js'
import { t } from '../../texts/texts.js'
import { confirm } from '../../view/dialogs/confirm-dialog.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/sources/source-rows.js').SourceRow} SourceRow */

export class PageSources {
  #id
  #store

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   */
  constructor(id, store) {
    this.#id = id
    this.#store = store
  }

  /** @returns {import('../../view/sources/sources-panel.js').SourcesHandlers} */
  get handlers() {
    return {
      onList: () => this.#store.update((state) => ({ ...state, listing: !state.listing })),
      onMuteSource: ({ id, muted }) => this.#ask(() => muteSource(this.#id, id, !muted)),
      onRemoveSource: (row) => this.#remove(row),
    }
  }

  /** @param {SourceRow} row */
  async #remove({ id, name }) {
    const agreed = await confirm({
      title: t('sources.remove.title', { name }),
      text: t('sources.remove.text'),
      no: t('button.cancel'),
      yes: t('sources.remove'),
      danger: true,
    })
    if (agreed && !this.#store.closed) await this.#ask(() => removeSource(this.#id, id))
  }

  /** @param {() => Promise<void>} change what everybody is told of once it is done */
  async #ask(change) {
    try {
      await change()
      this.#store.update((state) => unsay(state, 'sources'))
    } catch (error) {
      const text = t('sources.failed', { why: /** @type {Error} */ (error).message })
      this.#store.update((state) => say(state, 'sources', { text }))
    }
  }
}
