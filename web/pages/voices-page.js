// The page of the voices that are kept: renamed, forgotten.

import * as api from '../net/api.js'
import { home } from '../net/urls.js'
import { openedVoices, voiceForgotten, voiceRenamed } from '../state/library/voices-state.js'
import { t } from '../texts/texts.js'
import { confirm } from '../view/dialogs/confirm-dialog.js'
import { VoicesView } from '../view/voices/voices-view.js'
import { PageStore } from './page-store.js'
import { signIn } from './sign-in.js'

/** @typedef {import('../state/library/voices-state.js').KeptVoice} KeptVoice */
/** @typedef {import('../state/library/voices-state.js').VoicesState} VoicesState */
/** @typedef {import('./page.js').PageShell} PageShell */

export class VoicesPage {
  #shell
  #view
  #store

  /** @param {PageShell} shell */
  constructor(shell) {
    this.#shell = shell
    this.#view = this.#newView()
    this.#store = new PageStore(openedVoices, (state) => this.#view.render(state))
  }

  #newView() {
    return new VoicesView(this.#shell, {
      home,
      handlers: {
        onRename: ({ id }, name) =>
          this.#change(api.renameVoice(id, name), (state) => voiceRenamed(state, id, name)),
        onForget: (voice) => this.#forget(voice),
        signIn,
      },
    })
  }

  mount() {
    this.#view.open()
    this.#load()
  }

  unmount() {
    this.#store.close()
  }

  redraw() {
    this.#view = this.#newView()
    this.#view.open()
    this.#store.draw()
  }

  async #load() {
    try {
      const { voices } = await api.listVoices()
      this.#store.set({ voices })
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      if (error.status === 401) this.#store.set({ locked: true })
      else this.#store.set({ problem: t('voices.failed', { why: error.message }) })
    }
  }

  /** @param {KeptVoice} voice */
  async #forget({ id, name }) {
    const agreed = await confirm({
      title: t('voices.forget.title', { name }),
      text: t('voices.forget.text'),
      no: t('button.cancel'),
      yes: t('voices.forget'),
      danger: true,
    })
    if (agreed && !this.#store.closed) await this.#change(api.forgetVoice(id), (state) => voiceForgotten(state, id))
  }

  /**
   * @param {Promise<void>} asked
   * @param {(state: VoicesState) => VoicesState} done
   * @returns {Promise<boolean>} whether it was done
   */
  async #change(asked, done) {
    try {
      await asked
      this.#store.update(done)
      return true
    } catch (error) {
      this.#store.set({ problem: t('edit.failed', { why: /** @type {Error} */ (error).message }) })
      return false
    }
  }
}
